#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace afluente::http {
namespace {

TEST(ContentCoding, IsWhatTheHeaderLikesBest) {
  const std::pair<const char*, ContentCoding> cases[] = {
      {"", ContentCoding::kIdentity},
      {"gzip", ContentCoding::kGzip},
      {"GZip", ContentCoding::kGzip},
      {"x-gzip", ContentCoding::kGzip},
      {"gzip, deflate, br, zstd", ContentCoding::kZstd},
      {"gzip;q=1.0, zstd;q=0.5", ContentCoding::kGzip},
      {"gzip;q=0", ContentCoding::kIdentity},
      {"gzip;q=0.000, zstd ; q=0", ContentCoding::kIdentity},
      {"*", ContentCoding::kZstd},
      {"*, zstd;q=0", ContentCoding::kGzip},
      {"identity, gzip;q=0.5", ContentCoding::kIdentity},
      {"br", ContentCoding::kIdentity},
      {"gzip;q=2", ContentCoding::kIdentity},
      {"gzip;q=abc", ContentCoding::kIdentity},
      {",,;,gzip", ContentCoding::kGzip},
  };
  for (const auto& [header, coding] : cases) EXPECT_EQ(NegotiateCoding(header), coding) << header;
}

std::string Text() {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "row " + std::to_string(i);
  return text;
}

TEST(ContentCoding, UnpacksToTheBody) {
  Response gzip = Response::Text(200, "text/plain", Text());
  EncodeBody(ContentCoding::kGzip, gzip);
  ASSERT_EQ(*gzip.headers.Find("Content-Encoding"), "gzip");
  std::string unpacked(Text().size() + 1, '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(gzip.body.data());
  stream.avail_in = static_cast<uInt>(gzip.body.size());
  stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
  stream.avail_out = static_cast<uInt>(unpacked.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  unpacked.resize(stream.total_out);
  inflateEnd(&stream);
  EXPECT_EQ(unpacked, Text());

  Response zstd = Response::Text(200, "text/plain", Text());
  EncodeBody(ContentCoding::kZstd, zstd);
  ASSERT_EQ(*zstd.headers.Find("Content-Encoding"), "zstd");
  unpacked.assign(Text().size(), '\0');
  EXPECT_EQ(ZSTD_decompress(unpacked.data(), unpacked.size(), zstd.body.data(), zstd.body.size()),
            Text().size());
  EXPECT_EQ(unpacked, Text());
}

TEST(ContentCoding, UnpacksItsOwnGzipAndNothingElse) {
  Response packed = Response::Text(200, "text/plain", Text());
  EncodeBody(ContentCoding::kGzip, packed);
  EXPECT_EQ(Gunzip(packed.body), Text());
  for (size_t size = 0; size < packed.body.size(); ++size)
    ASSERT_EQ(Gunzip(packed.body.substr(0, size)), std::nullopt) << size;
  EXPECT_EQ(Gunzip("plain text"), std::nullopt);
}

TEST(ContentCoding, LeavesSmallAndIncompressibleBodies) {
  Response small = Response::Text(200, "text/plain", "short");
  EncodeBody(ContentCoding::kGzip, small);
  EXPECT_EQ(small.body, "short");
  EXPECT_EQ(small.headers.Find("Content-Encoding"), nullptr);
  std::string noise;
  uint64_t state = 1;
  for (int i = 0; i < 4'000; ++i) {
    state = state * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    noise += static_cast<char>(state >> 56);
  }
  Response random = Response::Text(200, "text/plain", noise);
  EncodeBody(ContentCoding::kZstd, random);
  EXPECT_EQ(random.body, noise);
}

}  // namespace
}  // namespace afluente::http
