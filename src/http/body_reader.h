#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "http/message.h"

namespace afluente::http {

// Takes a request's body out of the bytes that follow its head: by Content-Length or in chunks (RFC
// 9112, 7.1), strictly: what two servers could read differently is refused. Chunk extensions and
// trailers are dropped. Pure; one body, one thread.
class BodyReader {
 public:
  // `headers` as RequestParser accepted them.
  BodyReader(const Headers& headers, uint64_t bytes_max);

  enum class Progress { kNeedMore, kDone, kMalformed, kTooLarge };
  // Moves what it understands from the front of `in` to the end of `body`.
  Progress Take(std::string& in, std::string& body);

  bool chunked() const { return chunked_; }
  // Of Content-Length; 0 for a chunked body.
  uint64_t length() const { return length_; }
  bool has_body() const { return chunked_ || length_ > 0; }

 private:
  enum class Await { kSize, kBytes, kBytesEnd, kTrailer, kNothing };
  Progress TakeChunked(std::string& in, std::string& body);
  // The line at the front of `in`, its CRLF taken too; nullopt when it is not whole.
  static std::optional<std::string> TakeLine(std::string& in);

  const uint64_t bytes_max_;
  bool chunked_ = false;
  uint64_t length_ = 0;
  uint64_t left_ = 0;  // of the body, or of the chunk
  uint64_t taken_ = 0;
  size_t trailer_bytes_ = 0;
  Await await_ = Await::kBytes;
};

}  // namespace afluente::http
