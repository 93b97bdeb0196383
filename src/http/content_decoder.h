#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "http/content_coding.h"

namespace afluente::http {

// The coding that a Content-Encoding header names; nullopt for one that we do not read, or for
// several at once.
std::optional<ContentCoding> FindCoding(std::string_view content_encoding);

// Unpacks a body piece by piece, so that a small packed one never becomes a large one in memory.
// One body, one thread.
class ContentDecoder {
 public:
  virtual ~ContentDecoder() = default;
  static std::unique_ptr<ContentDecoder> Create(ContentCoding coding);

  // Takes bytes from the front of `in` and appends at most `bytes_max` to `out`. Done when `in` is
  // empty and nothing was appended. INVALID_ARGUMENT for bytes that are not of this coding.
  virtual absl::Status Decode(std::string_view& in, std::string& out, size_t bytes_max) = 0;
  // Whether the body may end here.
  virtual bool whole() const = 0;
};

}  // namespace afluente::http
