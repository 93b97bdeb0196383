#include "http/content_decoder.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"

namespace afluente::http {
namespace {

constexpr int kGzipWindow = 15 + 16;
// 8 MiB, what every decoder of zstd must take (RFC 8878, 3.1.1.1.2): a frame can ask for gigabytes.
constexpr int kZstdWindowLog = 23;

class IdentityDecoder final : public ContentDecoder {
 public:
  absl::Status Decode(std::string_view& in, std::string& out, size_t bytes_max) override {
    const size_t size = std::min(in.size(), bytes_max);
    out.append(in.substr(0, size));
    in.remove_prefix(size);
    return absl::OkStatus();
  }
  bool whole() const override { return true; }
};

class GzipDecoder final : public ContentDecoder {
 public:
  GzipDecoder() { ready_ = inflateInit2(&stream_, kGzipWindow) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  absl::Status Decode(std::string_view& in, std::string& out, size_t bytes_max) override {
    if (!ready_) return absl::InternalError("gzip cannot be read");
    const size_t before = out.size();
    out.resize(before + bytes_max);
    size_t made = 0;
    int result = Z_OK;
    while (made < bytes_max && result != Z_BUF_ERROR) {
      // A file may be several gzip members in a row (RFC 1952, 2.2).
      if (whole_ && in.empty()) break;
      if (whole_) inflateReset(&stream_);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
      stream_.avail_in = static_cast<uInt>(std::min<size_t>(in.size(), UINT32_MAX));
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before + made);
      stream_.avail_out = static_cast<uInt>(std::min<size_t>(bytes_max - made, UINT32_MAX));
      const size_t room = stream_.avail_out, offered = stream_.avail_in;
      result = inflate(&stream_, Z_NO_FLUSH);
      in.remove_prefix(offered - stream_.avail_in);
      made += room - stream_.avail_out;
      whole_ = result == Z_STREAM_END;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        out.resize(before);
        return absl::InvalidArgumentError("the body is not gzip");
      }
    }
    out.resize(before + made);
    return absl::OkStatus();
  }
  bool whole() const override { return whole_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool whole_ = false;
};

class ZstdDecoder final : public ContentDecoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  absl::Status Decode(std::string_view& in, std::string& out, size_t bytes_max) override {
    const size_t before = out.size();
    out.resize(before + bytes_max);
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data() + before, bytes_max, 0};
    bool moved = true;
    while (output.pos < output.size && moved) {
      const size_t in_before = input.pos, out_before = output.pos;
      const size_t left = ZSTD_decompressStream(context_, &output, &input);
      if (ZSTD_isError(left)) {
        out.resize(before);
        return absl::InvalidArgumentError("the body is not zstd, or needs a window beyond 8 MiB");
      }
      moved = input.pos != in_before || output.pos != out_before;
      if (moved) whole_ = left == 0;
    }
    in.remove_prefix(input.pos);
    out.resize(before + output.pos);
    return absl::OkStatus();
  }
  bool whole() const override { return whole_; }

 private:
  ZSTD_DCtx* const context_;
  bool whole_ = false;
};

}  // namespace

std::optional<ContentCoding> FindCoding(std::string_view content_encoding) {
  const absl::string_view name(content_encoding.data(), content_encoding.size());
  if (name.empty() || absl::EqualsIgnoreCase(name, "identity")) return ContentCoding::kIdentity;
  if (absl::EqualsIgnoreCase(name, "gzip") || absl::EqualsIgnoreCase(name, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  if (absl::EqualsIgnoreCase(name, "zstd")) return ContentCoding::kZstd;
  return std::nullopt;
}

std::unique_ptr<ContentDecoder> ContentDecoder::Create(ContentCoding coding) {
  if (coding == ContentCoding::kGzip) return std::make_unique<GzipDecoder>();
  if (coding == ContentCoding::kZstd) return std::make_unique<ZstdDecoder>();
  return std::make_unique<IdentityDecoder>();
}

}  // namespace afluente::http
