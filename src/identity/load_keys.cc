// Where key sets come from: a file, or an issuer's URL.

#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "http/client.h"
#include "http/loopback_guard.h"
#include "identity/key_source.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using schema::Concat;

constexpr size_t kSetBytesMax = 256 << 10;
constexpr std::chrono::seconds kFetchTimeout{5};

// `max-age` of Cache-Control (RFC 9111, 5.2.2.1); an hour when it says none.
std::chrono::seconds MaxAgeOf(const http::Headers& headers) {
  constexpr std::chrono::seconds kNone{3600};
  const std::string* field = headers.Find("Cache-Control");
  if (field == nullptr) return kNone;
  const std::string text = schema::Lowercase(*field);
  const size_t at = text.find("max-age=");
  if (at == std::string::npos) return kNone;
  const size_t begin = at + 8;
  const size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  int64_t seconds = 0;
  return absl::SimpleAtoi(text.substr(begin, end - begin), &seconds) ? std::chrono::seconds(seconds)
                                                                     : kNone;
}

absl::StatusOr<LoadedKeys> ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text(kSetBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (!stream && !stream.eof())) {
    return absl::UnavailableError(Concat(path, ": cannot be read"));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kSetBytesMax) return absl::InvalidArgumentError(Concat(path, ": too large"));
  return LoadedKeys{std::move(text), std::chrono::seconds(60)};
}

absl::StatusOr<LoadedKeys> FetchSet(const std::string& url) {
  const auto answer = http::Fetch("GET", url, "", {}, kFetchTimeout);
  if (!answer.ok()) return answer.status();
  if (answer->status != 200) {
    return absl::UnavailableError(Concat(url, ": answered ", answer->status));
  }
  if (answer->body.size() > kSetBytesMax) {
    return absl::InvalidArgumentError(Concat(url, ": too large"));
  }
  return LoadedKeys{answer->body, MaxAgeOf(answer->headers)};
}

bool IsLoopbackHttp(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return false;
  const size_t end = url.find_first_of("/?#", kScheme.size());
  const std::string authority = url.substr(kScheme.size(), end - kScheme.size());
  return http::IsLoopbackAuthority(authority, {});
}

}  // namespace

absl::StatusOr<KeyLoader> LoadFromUrl(const std::string& url) {
  constexpr std::string_view kFile = "file:";
  if (url.starts_with(kFile)) {
    std::string path = url.substr(kFile.size());
    if (path.starts_with("//")) path.erase(0, 2);
    return KeyLoader([path] { return ReadFile(path); });
  }
  if (!url.starts_with("https://") && !IsLoopbackHttp(url)) {
    return absl::InvalidArgumentError(
        Concat("keys come from https:, from http: on loopback or from file:, not from ", url));
  }
  return KeyLoader([url] { return FetchSet(url); });
}

}  // namespace afluente::identity
