# Writes FILE, the C++ that says the program's VERSION and twelve digits of the SHA-256 of its sources below ROOT: of all that
# decides what it computes, which the command line and the pages do not.
file(GLOB_RECURSE paths RELATIVE ${ROOT} ${ROOT}/src/* ${ROOT}/kernels/*)
list(FILTER paths EXCLUDE REGEX "^src/(cli|report)/|README\\.md$|CMakeLists\\.txt$")
list(SORT paths)
set(sums "")
foreach(path ${paths})
  file(SHA256 "${ROOT}/${path}" sum)
  string(APPEND sums "${sum} ${path}\n")
endforeach()
string(SHA256 sources "${sums}")
string(SUBSTRING ${sources} 0 12 sources)
set(text "#include \"cli/common.h\"

namespace thimble::cli {

const std::string& version() {
  static const std::string text = \"${VERSION}+${sources}\";
  return text;
}

}  // namespace thimble::cli
")
if(EXISTS "${FILE}")
  file(READ "${FILE}" before)
endif()
if(NOT "${before}" STREQUAL "${text}")
  file(WRITE "${FILE}" "${text}")
endif()
