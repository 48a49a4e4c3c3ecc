#pragma once

// Debian's compiler makes code for the oldest x86-64; loops over whole activations are worth a second
// version. Which one runs is decided once, when the program starts, which is before AddressSanitizer can bear
// it.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define THIMBLE_VERSIONS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define THIMBLE_VERSIONS
#endif
