#include "http/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/strings/match.h"

namespace afluente::http {
namespace {

// Below this, compressing gains less than its header field costs.
constexpr size_t kBodyBytesMin = 1'024;
// Fast levels: answers are made for one reader.
constexpr int kGzipLevel = 4;
constexpr int kZstdLevel = 3;
constexpr int kGzipWindow = 15 + 16;
constexpr size_t kInflateStep = 64 << 10;
constexpr size_t kPlainBytesMax = 16 << 20;

std::string_view Strip(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool SameName(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(absl::string_view(a.data(), a.size()),
                                absl::string_view(b.data(), b.size()));
}

// The weight behind a coding, in thousandths; what is not a weight is none.
int WeightOf(std::string_view parameters) {
  parameters = Strip(parameters);
  if (parameters.empty()) return 1'000;
  if (parameters.size() < 3 || !SameName(parameters.substr(0, 2), "q=")) return 0;
  parameters.remove_prefix(2);
  if (parameters.size() > 5) return 0;
  char* end = nullptr;
  const std::string text(parameters);
  const double weight = std::strtod(text.c_str(), &end);
  const bool read = *end == '\0' && weight >= 0 && weight <= 1;
  return read ? static_cast<int>(weight * 1'000) : 0;
}

std::optional<int> WeightFor(std::string_view header, std::string_view coding) {
  while (!header.empty()) {
    const size_t comma = std::min(header.find(','), header.size());
    const std::string_view entry = header.substr(0, comma);
    header.remove_prefix(std::min(comma + 1, header.size()));
    const size_t semicolon = std::min(entry.find(';'), entry.size());
    if (!SameName(Strip(entry.substr(0, semicolon)), coding)) continue;
    return WeightOf(entry.substr(std::min(semicolon + 1, entry.size())));
  }
  return std::nullopt;
}

std::optional<std::string> Gzip(const std::string& body) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string packed(deflateBound(&stream, body.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (!done) return std::nullopt;
  return packed;
}

std::optional<std::string> Zstd(const std::string& body) {
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  const size_t size =
      ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), kZstdLevel);
  if (ZSTD_isError(size)) return std::nullopt;
  packed.resize(size);
  return packed;
}

}  // namespace

std::optional<std::string> Gunzip(std::string_view packed) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  int state = Z_OK;
  while (state == Z_OK && plain.size() < kPlainBytesMax) {
    const size_t at = plain.size();
    plain.resize(at + kInflateStep);
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + at);
    stream.avail_out = static_cast<uInt>(kInflateStep);
    state = inflate(&stream, Z_NO_FLUSH);
    plain.resize(plain.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) return std::nullopt;
  return plain;
}

ContentCoding NegotiateCoding(std::string_view accept_encoding) {
  const int otherwise = WeightFor(accept_encoding, "*").value_or(0);
  const int zstd = WeightFor(accept_encoding, "zstd").value_or(otherwise);
  const int gzip = std::max(WeightFor(accept_encoding, "gzip").value_or(otherwise),
                            WeightFor(accept_encoding, "x-gzip").value_or(0));
  const int identity = WeightFor(accept_encoding, "identity").value_or(0);
  if (std::max(zstd, gzip) == 0 || identity > std::max(zstd, gzip)) {
    return ContentCoding::kIdentity;
  }
  return zstd >= gzip ? ContentCoding::kZstd : ContentCoding::kGzip;
}

void EncodeBody(ContentCoding coding, Response& response) {
  if (coding == ContentCoding::kIdentity || response.body.size() < kBodyBytesMin) return;
  const bool zstd = coding == ContentCoding::kZstd;
  auto packed = zstd ? Zstd(response.body) : Gzip(response.body);
  if (!packed.has_value() || packed->size() >= response.body.size()) return;
  response.body = *std::move(packed);
  response.headers.Set("Content-Encoding", zstd ? "zstd" : "gzip");
}

}  // namespace afluente::http
