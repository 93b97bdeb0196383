#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/message.h"

namespace afluente::http {

struct ParserLimits {
  uint64_t body_bytes_max = 10 << 20;
  uint32_t header_bytes_max = 16 << 10;
  // A request is done with its head; whoever takes it reads the body that the head promises.
  bool head_only = false;
};

// Reads HTTP/1.1 requests (RFC 9112) from bytes as they come, one after the other, and is stricter
// than most: whatever two servers could frame differently (both lengths, repeated lengths, unknown
// transfer codings, folded fields) is refused. One thread at a time; holds no buffer of its own.
class RequestParser {
 public:
  enum class Progress { kNeedMore, kDone, kRefused };
  struct Step {
    size_t consumed = 0;
    Progress progress = Progress::kNeedMore;
  };

  explicit RequestParser(ParserLimits limits);
  ~RequestParser();

  // Takes bytes from the front. What it did not consume must come first in the next call.
  Step Feed(std::string_view bytes);

  // A byte of the current request has been seen.
  bool started() const;
  bool head_complete() const;
  // The client waits for 100 Continue before it sends the body.
  bool expects_continue() const;
  // Bytes of the body received so far.
  size_t body_size() const;
  // After kDone: what the connection needs to know to answer.
  bool keep_alive() const;
  bool is_head() const;
  bool is_http_1_0() const;

  // After kDone: the request; the parser is ready for the next one.
  Request Take();
  // After kRefused: what to answer before closing.
  struct Refusal {
    int status;
    std::string detail;
  };
  const Refusal& refusal() const;

 private:
  class Message;
  ParserLimits limits_;
  std::unique_ptr<Message> message_;
  size_t head_bytes_ = 0;
};

}  // namespace afluente::http
