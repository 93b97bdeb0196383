#pragma once

#include <cstdint>
#include <istream>
#include <memory>
#include <streambuf>
#include <string>

#include "http/content_decoder.h"

namespace afluente::source {

// Unpacks a stream while it is read, with little of it in memory. Bytes that cannot be unpacked, or
// end too early, set the stream's bad state; what is wrong is kept. One thread.
class PackedStream final : private std::streambuf, public std::istream {
 public:
  PackedStream(std::istream& packed, http::ContentCoding coding);
  // Of the packed bytes, for progress.
  uint64_t packed_bytes_read() const { return taken_; }

 private:
  std::streambuf::int_type underflow() override;

  std::istream& packed_;
  std::unique_ptr<http::ContentDecoder> decoder_;
  std::string in_;
  std::string_view rest_;  // of in_
  std::string out_;
  uint64_t taken_ = 0;
};

}  // namespace afluente::source
