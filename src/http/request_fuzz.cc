// Takes the input as a connection's bytes: requests, a refusal, or a wait for more, and the same
// wherever the network cuts them. Targets and URLs are taken apart on the way.
#include <string>
#include <vector>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "http/request_parser.h"
#include "http/url.h"

namespace afluente::http {
namespace {

constexpr ParserLimits kLimits{.body_bytes_max = 1000, .header_bytes_max = 2000};

struct Read {
  std::vector<std::string> requests;
  int refusal = 0;
  friend bool operator==(const Read&, const Read&) = default;
};

std::string TextOf(const Request& request) {
  std::string text = request.method + " " + request.path + " " + request.target + "\n";
  for (const auto& [name, value] : request.headers.entries()) text += name + ":" + value + "\n";
  return text + request.body;
}

// In pieces of `piece` bytes.
Read ReadIn(std::string_view bytes, size_t piece) {
  RequestParser parser(kLimits);
  Read read;
  std::string pending;
  while (!bytes.empty()) {
    pending += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (true) {
      const RequestParser::Step step = parser.Feed(pending);
      pending.erase(0, step.consumed);
      if (step.progress == RequestParser::Progress::kNeedMore) break;
      if (step.progress == RequestParser::Progress::kRefused) {
        read.refusal = parser.refusal().status;
        return read;
      }
      const Request request = parser.Take();
      AFLUENTE_CHECK(request.body.size() <= kLimits.body_bytes_max);
      (void)ParseUrl(request.target);
      read.requests.push_back(TextOf(request));
    }
  }
  return read;
}

}  // namespace
}  // namespace afluente::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::http;
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const Read whole = ReadIn(input, size + 1);
  for (size_t piece : {size_t{1}, size_t{7}})
    AFLUENTE_CHECK(ReadIn(input, piece).requests == whole.requests);
  afluente::fuzz::accepted = !whole.requests.empty();
  return 0;
}
