#include "identity/request_target.h"

#include <algorithm>
#include <string>

#include "schema/text.h"

namespace afluente::identity {
namespace {

absl::Status Tricky(std::string_view what) {
  return absl::InvalidArgumentError(schema::Concat("the path has ", what));
}

int HexDigit(char c) {
  if (schema::IsDigit(c)) return c - '0';
  const char lower = schema::ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

absl::Status CheckPath(std::string_view path) {
  if (!path.starts_with('/')) return Tricky("no slash first");
  std::string decoded;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c <= ' ' || c >= 0x7f) return Tricky("a byte that must be encoded");
    if (c == '#' || c == '\\' || c == ';') return Tricky("'#', '\\' or ';'");
    if (c != '%') {
      decoded += c;
      continue;
    }
    const int high = i + 2 < path.size() ? HexDigit(path[i + 1]) : -1;
    const int low = i + 2 < path.size() ? HexDigit(path[i + 2]) : -1;
    if (high < 0 || low < 0) return Tricky("a malformed encoding");
    const char byte = static_cast<char>(high * 16 + low);
    if (byte == '/' || byte == '\\' || byte == '.' || byte == ';' || byte == '#' || byte == '?') {
      return Tricky("an encoded separator");
    }
    const auto control = static_cast<unsigned char>(byte);
    if (control < 0x20 || control == 0x7f) return Tricky("an encoded control character");
    i += 2;
    // "%25xx" would be decoded again by a careless reader.
    if (byte == '%' && i + 2 < path.size() && HexDigit(path[i + 1]) >= 0 &&
        HexDigit(path[i + 2]) >= 0) {
      return Tricky("a double encoding");
    }
    decoded += byte;
  }
  const std::string_view rest(decoded);
  for (size_t at = 0; at < rest.size();) {
    const size_t end = std::min(rest.find('/', at + 1), rest.size());
    const std::string_view segment = rest.substr(at + 1, end - at - 1);
    if (segment == "." || segment == "..") return Tricky("a dot segment");
    if (segment.empty() && end != rest.size()) return Tricky("an empty segment");
    at = end;
  }
  return absl::OkStatus();
}

bool IsSameSitePath(std::string_view target) {
  if (target.size() > 2048) return false;
  const std::string_view path = target.substr(0, target.find('?'));
  const bool printable = std::all_of(target.begin(), target.end(),
                                     [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  return printable && target.find('#') == std::string_view::npos && CheckPath(path).ok();
}

}  // namespace afluente::identity
