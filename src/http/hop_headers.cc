#include "http/hop_headers.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace afluente::http {
namespace {

constexpr const char* kHopByHop[] = {"connection",
                                     "keep-alive",
                                     "proxy-connection",
                                     "proxy-authenticate",
                                     "proxy-authorization",
                                     "te",
                                     "trailer",
                                     "transfer-encoding",
                                     "upgrade",
                                     "expect",
                                     "content-length",
                                     "http2-settings"};

bool ListsToken(const std::string& value, absl::string_view token) {
  for (const absl::string_view each : absl::StrSplit(value, ',')) {
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(each), token)) return true;
  }
  return false;
}

void AppendClean(std::string& out, const std::string& text) {
  for (const char c : text) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

}  // namespace

Headers WithoutHopByHop(const Headers& headers) {
  std::set<std::string> dropped(std::begin(kHopByHop), std::end(kHopByHop));
  for (const auto& [name, value] : headers.entries()) {
    if (!absl::EqualsIgnoreCase(name, "Connection")) continue;
    for (const absl::string_view each : absl::StrSplit(value, ',')) {
      dropped.insert(absl::AsciiStrToLower(absl::StripAsciiWhitespace(each)));
    }
  }
  // Host is nobody's to take away.
  dropped.erase("host");
  Headers kept;
  for (const auto& [name, value] : headers.entries()) {
    if (!dropped.contains(absl::AsciiStrToLower(name))) kept.Add(name, value);
  }
  return kept;
}

bool IsWebSocketUpgrade(const Request& request) {
  const std::string* upgrade = request.headers.Find("Upgrade");
  const std::string* connection = request.headers.Find("Connection");
  return request.method == "GET" && upgrade != nullptr && connection != nullptr &&
         request.headers.Count("Upgrade") == 1 && absl::EqualsIgnoreCase(*upgrade, "websocket") &&
         ListsToken(*connection, "upgrade") &&
         request.headers.Find("Transfer-Encoding") == nullptr &&
         request.headers.Find("Content-Length") == nullptr;
}

void AppendFields(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers.entries()) {
    AppendClean(out, name);
    out += ": ";
    AppendClean(out, value);
    out += "\r\n";
  }
}

}  // namespace afluente::http
