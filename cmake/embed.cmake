# Writes a C++ source that returns FILES, named relative to BASE, from FUNCTION; see thimble_embed.
string(REGEX REPLACE "::[^:]*$" "" scope "${FUNCTION}")
string(REGEX REPLACE "^.*::" "" name "${FUNCTION}")
set(text "#include \"base/embedded.h\"\n\nnamespace ${scope} {\n
const std::vector<thimble::EmbeddedFile>& ${name}() {
  static const std::vector<thimble::EmbeddedFile> files = {\n")
foreach(file IN LISTS FILES)
  file(RELATIVE_PATH relative ${BASE} ${file})
  file(READ ${file} content)
  string(APPEND text "      {\"${relative}\", R\"THIMBLE(${content})THIMBLE\"},\n")
endforeach()
string(APPEND text "  };\n  return files;\n}\n\n}  // namespace ${scope}\n")
file(WRITE ${OUTPUT} "${text}")
