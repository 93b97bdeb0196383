#include "broker/log/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace afluente::broker::log {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli's, bits reversed

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t slice = 1; slice < 8; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[slice - 1][byte];
      tables[slice][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint64_t Load64(const char* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

#if defined(__x86_64__)
// The instruction takes three cycles and starts each cycle: three lanes run at once, and are joined
// by what each lane's checksum becomes when a lane of zeros follows.
constexpr size_t kLaneBytes = 1024;

using LaneTables = std::array<std::array<uint32_t, 256>, 4>;

constexpr LaneTables MakeLaneTables() {
  LaneTables tables{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (uint32_t bit = 0; bit < 8; ++bit) {
      uint32_t crc = uint32_t{1} << (8 * byte + bit);
      for (size_t i = 0; i < kLaneBytes; ++i) crc = (crc >> 8) ^ kTables[0][crc & 0xff];
      tables[byte][size_t{1} << bit] = crc;
    }
    for (size_t value = 1; value < 256; ++value) {
      const size_t rest = value & (value - 1);
      tables[byte][value] = tables[byte][rest] ^ tables[byte][value ^ rest];
    }
  }
  return tables;
}

constexpr LaneTables kLaneTables = MakeLaneTables();

uint32_t AfterZeroLane(uint32_t crc) {
  return kLaneTables[0][crc & 0xff] ^ kLaneTables[1][crc >> 8 & 0xff] ^
         kLaneTables[2][crc >> 16 & 0xff] ^ kLaneTables[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t ThreeLanes(const char* at, uint32_t before) {
  uint64_t first = before;
  uint64_t second = 0;
  uint64_t third = 0;
  for (const char* end = at + kLaneBytes; at < end; at += 8) {
    first = _mm_crc32_u64(first, Load64(at));
    second = _mm_crc32_u64(second, Load64(at + kLaneBytes));
    third = _mm_crc32_u64(third, Load64(at + 2 * kLaneBytes));
  }
  const uint32_t joined =
      AfterZeroLane(static_cast<uint32_t>(first)) ^ static_cast<uint32_t>(second);
  return AfterZeroLane(joined) ^ static_cast<uint32_t>(third);
}

__attribute__((target("sse4.2"))) uint32_t Hardware(std::string_view bytes, uint32_t before) {
  uint32_t lanes = ~before;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 3 * kLaneBytes; left -= 3 * kLaneBytes, at += 3 * kLaneBytes)
    lanes = ThreeLanes(at, lanes);
  uint64_t crc = lanes;
  for (; left >= 8; left -= 8, at += 8) crc = _mm_crc32_u64(crc, Load64(at));
  auto narrow = static_cast<uint32_t>(crc);
  for (; left > 0; --left, ++at) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}
#endif

}  // namespace

uint32_t Crc32cPortable(std::string_view bytes, uint32_t before) {
  uint32_t crc = ~before;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    const uint64_t word = Load64(at) ^ crc;
    crc = 0;
    for (size_t slice = 0; slice < 8; ++slice)
      crc ^= kTables[7 - slice][(word >> (8 * slice)) & 0xff];
  }
  for (; left > 0; --left, ++at)
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xff];
  return ~crc;
}

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
#if defined(__x86_64__)
  static const bool hardware = __builtin_cpu_supports("sse4.2") != 0;
  if (hardware) return Hardware(bytes, before);
#endif
  return Crc32cPortable(bytes, before);
}

}  // namespace afluente::broker::log
