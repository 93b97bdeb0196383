#include "spec/access_forms.h"

#include <algorithm>
#include <vector>

#include "schema/text.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         std::all_of(text.begin(), text.end(), schema::IsDigit);
}

// A name as Google's resources have them.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || c == '-' || c == '_';
  });
}

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool IsPort(std::string_view text) { return IsNumber(text) && text.size() <= 5; }

}  // namespace

bool IsAssertionAudience(std::string_view text) {
  if (!text.starts_with("/projects/")) return false;
  const auto parts = Segments(text);
  if (parts.size() < 4 || !IsNumber(parts[1])) return false;
  if (parts.size() == 4) return parts[2] == "apps" && IsProjectId(parts[3]);
  if (parts.size() == 5) {
    return parts[2] == "global" && parts[3] == "backendServices" && IsNumber(parts[4]);
  }
  return parts.size() == 6 && parts[2] == "locations" && IsName(parts[3]) &&
         parts[4] == "services" && IsName(parts[5]);
}

bool IsSafeUrl(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return false;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("@?#\\\"<>").find(c) == std::string_view::npos;
  });
  if (!plain) return false;
  text.remove_prefix(secure ? 8 : 7);
  std::string_view host = text.substr(0, text.find('/'));
  if (host.starts_with('['))
    return host.starts_with("[::1]") &&
           (host.size() == 5 || (host[5] == ':' && IsPort(host.substr(6))));
  const size_t colon = host.find(':');
  if (colon != std::string_view::npos && !IsPort(host.substr(colon + 1))) return false;
  host = host.substr(0, colon);
  return !host.empty() && (secure || host == "localhost" || host == "127.0.0.1");
}

bool IsKeySetUri(std::string_view text) {
  return (text.starts_with("file:") && text.size() > 5) || IsSafeUrl(text);
}

bool IsEndpointPattern(std::string_view text) {
  if (!text.starts_with('/')) return false;
  const size_t star = text.find('*');
  return star == std::string_view::npos || (text.ends_with("/*") && star == text.size() - 1);
}

}  // namespace afluente::spec
