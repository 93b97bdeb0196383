// Any bytes: unpacked to at most 16 MiB, or refused.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "http/content_coding.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto plain =
      afluente::http::Gunzip(std::string_view(reinterpret_cast<const char*>(data), size));
  afluente::fuzz::accepted = plain.has_value();
  if (plain) AFLUENTE_CHECK(plain->size() <= (16u << 20) + (64u << 10));
  return 0;
}
