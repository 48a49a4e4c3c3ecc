// Empty: CMake compiles headers ahead for a target with a source.
