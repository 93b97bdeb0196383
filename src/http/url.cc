#include "http/url.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace afluente::http {

absl::StatusOr<Url> ParseUrl(const std::string& url) {
  Url parsed;
  parsed.tls = absl::StartsWithIgnoreCase(url, "https://");
  if (!parsed.tls && !absl::StartsWithIgnoreCase(url, "http://")) {
    return absl::InvalidArgumentError(absl::StrCat("not an http:// or https:// URL: ", url));
  }
  for (const char c : url) {
    // A control character would end the header that the URL becomes part of.
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
      return absl::InvalidArgumentError("the URL has white space");
    }
  }
  const size_t scheme_size = parsed.tls ? 8 : 7;
  const size_t end = url.find_first_of("/?#", scheme_size);
  parsed.authority = url.substr(scheme_size, end == std::string::npos ? end : end - scheme_size);
  if (end != std::string::npos) parsed.target = url.substr(end, url.find('#') - end);
  if (parsed.target.empty() || parsed.target.front() != '/') parsed.target.insert(0, "/");
  const size_t bracket = parsed.authority.find(']');
  const size_t colon = parsed.authority.find(':', bracket == std::string::npos ? 0 : bracket);
  parsed.host = parsed.authority.substr(0, colon);
  parsed.port = parsed.tls ? "443" : "80";
  if (colon != std::string::npos) parsed.port = parsed.authority.substr(colon + 1);
  if (bracket != std::string::npos && parsed.host.size() >= 2) {
    parsed.host = parsed.host.substr(1, bracket - 1);
  }
  uint32_t number = 0;
  if (parsed.host.empty() || parsed.host.find('@') != std::string::npos ||
      !absl::SimpleAtoi(parsed.port, &number) || number == 0 || number > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("not a host and port: ", parsed.authority));
  }
  return parsed;
}

}  // namespace afluente::http
