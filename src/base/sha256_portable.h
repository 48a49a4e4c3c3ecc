#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace thimble {

/// SHA-256 (FIPS 180-4) in hexadecimal digits, for the training-only build, which links no OpenSSL. The full
/// build's sha256 is OpenSSL's; a test compares the two.
inline std::string sha256_portable(std::span<const std::byte> content) {
  // The constants are the first 32 bits of the fractional parts of square roots (of the first 8 primes) and
  // of cube roots (of the first 64).
  static const auto kConstants = [] {
    struct {
      std::array<uint32_t, 8> roots;
      std::array<uint32_t, 64> cubes;
    } constants{};
    const auto fraction = [](long double x) {
      return static_cast<uint32_t>((x - std::floor(x)) * 4294967296.0L);
    };
    size_t found = 0;
    for (uint32_t n = 2; found < 64; ++n) {
      bool is_prime = true;
      for (uint32_t d = 2; d * d <= n; ++d) is_prime = is_prime && n % d != 0;
      if (!is_prime) continue;
      if (found < 8) constants.roots[found] = fraction(std::sqrt(static_cast<long double>(n)));
      constants.cubes[found++] = fraction(std::cbrt(static_cast<long double>(n)));
    }
    return constants;
  }();

  std::array<uint32_t, 8> state = kConstants.roots;
  const auto add_block = [&state](const std::byte* block) {
    std::array<uint32_t, 64> w;
    for (size_t i = 0; i < 16; ++i) {
      w[i] = 0;
      for (size_t k = 0; k < 4; ++k) w[i] = w[i] << 8 | std::to_integer<uint32_t>(block[4 * i + k]);
    }
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kConstants.cubes[i] + w[i];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; ++i) state[i] += added[i];
  };

  const size_t whole = content.size() / 64 * 64;
  for (size_t i = 0; i < whole; i += 64) add_block(content.data() + i);
  std::vector<std::byte> tail(content.begin() + static_cast<std::ptrdiff_t>(whole), content.end());
  tail.push_back(std::byte{0x80});
  while (tail.size() % 64 != 56) tail.push_back(std::byte{0});
  const uint64_t bits = uint64_t{content.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) tail.push_back(static_cast<std::byte>(bits >> shift));
  for (size_t i = 0; i < tail.size(); i += 64) add_block(tail.data() + i);

  std::string text;
  for (const uint32_t word : state) text += fmt::format("{:08x}", word);
  return text;
}

}  // namespace thimble
