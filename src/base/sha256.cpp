#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"

#ifdef THIMBLE_TRAINING_ONLY

#include "base/sha256_portable.h"

namespace thimble {

std::string sha256(std::span<const std::byte> content) { return sha256_portable(content); }

}  // namespace thimble

#else

#include <openssl/evp.h>

#include <array>

namespace thimble {

std::string sha256(std::span<const std::byte> content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
    throw Error("libcrypto", "cannot compute SHA-256", "Check the OpenSSL installation");
  }
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace thimble

#endif
