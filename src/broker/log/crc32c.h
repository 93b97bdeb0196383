#pragma once

#include <cstdint>
#include <string_view>

namespace afluente::broker::log {

// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `bytes`, continuing `before`.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);
// The same from tables alone, for machines without SSE4.2 (and the test that compares both).
uint32_t Crc32cPortable(std::string_view bytes, uint32_t before = 0);

}  // namespace afluente::broker::log
