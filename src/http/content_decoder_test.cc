#include "http/content_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::http {
namespace {

std::string Packed(ContentCoding coding, const std::string& text) {
  Response response = Response::Text(200, "text/plain", text);
  EncodeBody(coding, response);
  return response.body;
}

absl::StatusOr<std::string> Unpack(ContentCoding coding, std::string_view packed, size_t piece,
                                   size_t step) {
  auto decoder = ContentDecoder::Create(coding);
  std::string out;
  while (!packed.empty()) {
    std::string_view part = packed.substr(0, piece);
    packed.remove_prefix(part.size());
    while (true) {
      const size_t before = out.size();
      if (auto status = decoder->Decode(part, out, step); !status.ok()) return status;
      EXPECT_LE(out.size() - before, step);
      if (part.empty() && out.size() == before) break;
    }
  }
  if (!decoder->whole()) return absl::InvalidArgumentError("cut");
  return out;
}

class Decoder : public testing::TestWithParam<ContentCoding> {};

TEST_P(Decoder, GivesBackWhatWasPackedWhereverItIsCut) {
  std::string text;
  for (int i = 0; i < 3'000; ++i) text += std::to_string(i * 7919) + " of many lines\n";
  const std::string packed = Packed(GetParam(), text);
  for (size_t piece : {size_t{1}, size_t{100}, packed.size()}) {
    for (size_t step : {size_t{7}, size_t{4096}, size_t{1} << 20}) {
      const auto out = Unpack(GetParam(), packed, piece, step);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_EQ(*out, text);
    }
  }
}

TEST_P(Decoder, SaysWhetherTheBodyIsWhole) {
  const std::string packed = Packed(GetParam(), std::string(5'000, 'a') + "b");
  EXPECT_FALSE(Unpack(GetParam(), packed.substr(0, packed.size() - 1), 10, 1000).ok());
  const auto twice = Unpack(GetParam(), packed + packed, 10, 1000);
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(twice->size(), 10'002);
}

TEST_P(Decoder, RefusesOtherBytes) {
  EXPECT_FALSE(Unpack(GetParam(), "{\"a\": 1}\n{\"a\": 2}\n", 100, 1000).ok());
}

INSTANTIATE_TEST_SUITE_P(Codings, Decoder,
                         testing::Values(ContentCoding::kGzip, ContentCoding::kZstd));

TEST(FindCoding, ByName) {
  EXPECT_EQ(FindCoding(""), ContentCoding::kIdentity);
  EXPECT_EQ(FindCoding("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(FindCoding("zstd"), ContentCoding::kZstd);
  EXPECT_FALSE(FindCoding("br").has_value());
  EXPECT_FALSE(FindCoding("gzip, gzip").has_value());
}

}  // namespace
}  // namespace afluente::http
