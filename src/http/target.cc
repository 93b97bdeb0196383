#include "http/target.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "telemetry/json_string.h"

namespace afluente::http {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status ParseQuery(std::string_view query, Request& request) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    AFLUENTE_ASSIGN_OR_RETURN(std::string name,
                              DecodeText(pair.substr(0, equals), true, "a query parameter's name"));
    std::string value;
    if (equals != std::string_view::npos) {
      AFLUENTE_ASSIGN_OR_RETURN(value, DecodeText(pair.substr(equals + 1), true,
                                                  absl::StrCat("query parameter '", name, "'")));
    }
    request.query.emplace_back(std::move(name), std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> DecodeText(std::string_view encoded, bool plus_is_space,
                                       std::string_view what) {
  std::string text;
  text.reserve(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    char c = encoded[i];
    if (c == '%') {
      const int high = i + 2 < encoded.size() ? HexDigit(encoded[i + 1]) : -1;
      const int low = i + 2 < encoded.size() ? HexDigit(encoded[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("malformed percent encoding in ", View(what)));
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return absl::InvalidArgumentError(absl::StrCat("NUL in ", View(what)));
    text += c;
  }
  if (!telemetry::IsUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat("invalid UTF-8 in ", View(what)));
  }
  return text;
}

absl::Status ParseTarget(std::string_view target, Request& request) {
  request.target = std::string(target);
  if (target.find('#') != std::string_view::npos) {
    return absl::InvalidArgumentError("the request target has a fragment");
  }
  if (target == "*") {
    request.path = std::string(target);
    return absl::OkStatus();
  }
  static constexpr std::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(View(target), View(kScheme))) {
    target.remove_prefix(kScheme.size());
    const size_t end = target.find_first_of("/?");
    request.headers.Set("Host", std::string(target.substr(0, end)));
    target.remove_prefix(end == std::string_view::npos ? target.size() : end);
    request.target =
        target.starts_with('/') ? std::string(target) : absl::StrCat("/", View(target));
  } else if (!absl::StartsWith(View(target), "/")) {
    return absl::InvalidArgumentError("the request target must be a path");
  }
  const std::string_view rest = request.target;
  const size_t question = rest.find('?');
  request.path = std::string(rest.substr(0, question));
  if (question == std::string_view::npos) return absl::OkStatus();
  return ParseQuery(rest.substr(question + 1), request);
}

}  // namespace afluente::http
