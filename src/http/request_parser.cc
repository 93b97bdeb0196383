#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cctype>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "http/target.h"

namespace afluente::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

// Room for what precedes the pieces of a chunked body: a chunk's size line or the trailer.
constexpr size_t kChunkLineMax = 4096;

bool AllDigits(string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The request line ends in a version, be it one that we do not speak.
bool NamesVersion(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  const size_t at = line.rfind(" HTTP/");
  return at != std::string_view::npos && line.size() == at + 9 && line[at + 7] == '.' &&
         std::isdigit(static_cast<unsigned char>(line[at + 6])) != 0 &&
         std::isdigit(static_cast<unsigned char>(line[at + 8])) != 0;
}

absl::string_view View(string_view text) { return {text.data(), text.size()}; }

}  // namespace

// Beast's parser, writing straight into our Request.
class RequestParser::Message final : public beast_http::basic_parser<true> {
 public:
  explicit Message(const ParserLimits& limits) : body_bytes_max_(limits.body_bytes_max) {
    eager(!limits.head_only);
    body_limit(limits.body_bytes_max);
    header_limit(limits.header_bytes_max);
  }

  size_t Put(std::string_view bytes, error_code& error) {
    end_ = bytes.data() + bytes.size();
    return put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  }

  void Refuse(int status, std::string detail, error_code& error) {
    Refuse(status, std::move(detail));
    error = beast_http::make_error_code(beast_http::error::bad_value);
  }
  void Refuse(int status, std::string detail) {
    if (refusal_) return;
    refusal_ = {status, std::move(detail)};
  }

  Request request;
  bool started = false;
  bool request_line_done = false;
  bool expects_continue = false;
  bool body_seen = false;
  bool http_1_0 = false;
  std::optional<Refusal> refusal_;

 private:
  void on_request_impl(beast_http::verb, string_view method, string_view target, int version,
                       error_code& error) override {
    error = {};
    request_line_done = true;
    request.method.assign(method.data(), method.size());
    request.target.assign(target.data(), target.size());
    http_1_0 = version == 10;
  }
  void on_response_impl(int, string_view, int, error_code& error) override { error = {}; }

  void on_field_impl(beast_http::field field, string_view name, string_view value,
                     error_code& error) override {
    error = {};
    if (is_header_done()) return;  // a trailer never adds to what the header said
    if (Folded(name, value)) return Refuse(400, "a header field is folded", error);
    switch (field) {
      case beast_http::field::content_length:
        if (++lengths_ > 1 || !AllDigits(value)) {
          return Refuse(400, "Content-Length must be one number", error);
        }
        break;
      case beast_http::field::transfer_encoding:
        if (http_1_0 || ++codings_ > 1 || !absl::EqualsIgnoreCase(View(value), "chunked")) {
          return Refuse(400, "Transfer-Encoding must be 'chunked'", error);
        }
        break;
      case beast_http::field::host:
        ++hosts_;
        break;
      case beast_http::field::expect:
        if (!absl::EqualsIgnoreCase(View(value), "100-continue")) {
          return Refuse(417, "only 'Expect: 100-continue' is understood", error);
        }
        expects_continue = !http_1_0;
        break;
      default:
        break;
    }
    request.headers.Add(std::string(name.data(), name.size()),
                        std::string(value.data(), value.size()));
  }

  void on_header_impl(error_code& error) override {
    error = {};
    if (hosts_ > 1 || (hosts_ == 0 && !http_1_0)) {
      return Refuse(400, "there must be one Host header", error);
    }
    if (lengths_ > 0 && codings_ > 0) {
      return Refuse(400, "both Content-Length and Transfer-Encoding", error);
    }
    const std::string target = std::move(request.target);
    const absl::Status parsed = ParseTarget(target, request);
    if (!parsed.ok()) return Refuse(400, std::string(parsed.message()), error);
  }

  void on_body_init_impl(boost::optional<std::uint64_t> const& length, error_code& error) override {
    error = {};
    // A length is only a promise: reserve no more than what is cheap to be wrong about.
    if (length) request.body.reserve(static_cast<size_t>(std::min<uint64_t>(*length, 64 << 10)));
  }
  std::size_t on_body_impl(string_view body, error_code& error) override {
    return Append(body, error);
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code& error) override {
    error = {};
    body_seen = true;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
    return Append(body, error);
  }
  void on_finish_impl(error_code& error) override { error = {}; }

  std::size_t Append(string_view body, error_code& error) {
    error = {};
    body_seen = true;
    if (request.body.size() + body.size() > body_bytes_max_) {
      error = beast_http::make_error_code(beast_http::error::body_limit);
      return 0;
    }
    request.body.append(body.data(), body.size());
    return body.size();
  }

  // Beast joins folded lines into a buffer of its own, or skips the empty first ones.
  bool Folded(string_view name, string_view value) const {
    const char* start = name.data() + name.size();
    const std::less<const char*> before;
    if (before(value.data(), start) || before(end_, value.data() + value.size())) return true;
    return std::find(start, value.data(), '\n') != value.data();
  }

  const uint64_t body_bytes_max_;
  const char* end_ = nullptr;
  int lengths_ = 0;
  int codings_ = 0;
  int hosts_ = 0;
};

RequestParser::RequestParser(ParserLimits limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;

RequestParser::Step RequestParser::Feed(std::string_view bytes) {
  Step step;
  if (message_ == nullptr) {
    // RFC 9112, 2.2: empty lines before a request line are ignored.
    while (step.consumed < bytes.size() &&
           (bytes[step.consumed] == '\r' || bytes[step.consumed] == '\n')) {
      ++step.consumed;
    }
    bytes.remove_prefix(step.consumed);
    if (bytes.empty()) return step;
    message_ = std::make_unique<Message>(limits_);
    head_bytes_ = 0;
  }
  if (bytes.empty()) return step;
  Message& message = *message_;
  message.started = true;
  error_code error;
  const bool in_head = !message.is_header_done();
  const size_t used = message.Put(bytes, error);
  step.consumed += used;
  if (in_head) head_bytes_ += used;
  const size_t rest = bytes.size() - used;
  if (message.refusal_) {
    step.progress = Progress::kRefused;
  } else if (!error || error == beast_http::error::need_more) {
    const bool head_open = !message.is_header_done();
    if (head_open && head_bytes_ + rest >= limits_.header_bytes_max) {
      error = beast_http::make_error_code(beast_http::error::header_limit);
    } else if (!head_open && !limits_.head_only && !message.is_done() && rest > kChunkLineMax) {
      message.Refuse(400, "a chunk's size line or the trailer is too long");
    }
    const bool done = limits_.head_only ? !head_open : message.is_done();
    step.progress = done ? Progress::kDone : Progress::kNeedMore;
  }
  if (error && error != beast_http::error::need_more) {
    if (error == beast_http::error::header_limit && !message.request_line_done) {
      message.Refuse(414, absl::StrCat("the request target is longer than the limit of ",
                                       limits_.header_bytes_max, " bytes"));
    } else if (error == beast_http::error::header_limit) {
      message.Refuse(431, absl::StrCat("the header is longer than the limit of ",
                                       limits_.header_bytes_max, " bytes"));
    } else if (error == beast_http::error::body_limit) {
      message.Refuse(413, absl::StrCat("the body is longer than the limit of ",
                                       limits_.body_bytes_max, " bytes"));
    } else if (error == beast_http::error::bad_version && NamesVersion(bytes)) {
      message.Refuse(505, "only HTTP/1.0 and HTTP/1.1 are understood");
    } else {
      message.Refuse(400, absl::StrCat("malformed request: ", error.message()));
    }
  }
  if (message.refusal_) step.progress = Progress::kRefused;
  return step;
}

bool RequestParser::started() const { return message_ != nullptr; }
bool RequestParser::head_complete() const {
  return message_ != nullptr && message_->is_header_done();
}
bool RequestParser::expects_continue() const {
  return head_complete() && message_->expects_continue && !message_->body_seen &&
         !message_->is_done();
}
size_t RequestParser::body_size() const {
  return message_ == nullptr ? 0 : message_->request.body.size();
}
bool RequestParser::keep_alive() const { return message_->keep_alive(); }
bool RequestParser::is_head() const { return message_->request.method == "HEAD"; }
bool RequestParser::is_http_1_0() const { return message_->http_1_0; }

Request RequestParser::Take() {
  Request request = std::move(message_->request);
  message_.reset();
  return request;
}

const RequestParser::Refusal& RequestParser::refusal() const { return *message_->refusal_; }

}  // namespace afluente::http
