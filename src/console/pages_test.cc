#include "console/pages.h"

#include <gtest/gtest.h>

#include <string>

#include "http/content_coding.h"

namespace afluente::console {
namespace {

std::string Number(size_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::string Packed(const std::string& text) {
  http::Response response = http::Response::Text(200, "text/plain", text);
  http::EncodeBody(http::ContentCoding::kGzip, response);
  EXPECT_NE(response.headers.Find("Content-Encoding"), nullptr);
  return response.body;
}

class PagesTest : public testing::Test {
 protected:
  PagesTest() {
    for (const auto& [path, text] :
         {std::pair{"index.html", &html_}, {"assets/a-1.js", &script_}}) {
      const std::string packed = Packed(*text);
      archive_ += Number(std::string(path).size()) + Number(packed.size()) + path + packed;
    }
  }
  const std::string html_ = std::string(2'000, 'h');
  const std::string script_ = std::string(3'000, 's');
  std::string archive_;
};

TEST_F(PagesTest, GivesGzipToWhoTakesItAndPlainToOthers) {
  const Pages pages(archive_);
  http::Request request;
  EXPECT_EQ(pages.Answer("index.html", request).body, html_);
  EXPECT_EQ(pages.Answer("index.html", request).headers.Find("Content-Encoding"), nullptr);
  request.headers.Add("Accept-Encoding", "br, gzip");
  const http::Response packed = pages.Answer("assets/a-1.js", request);
  EXPECT_EQ(*packed.headers.Find("Content-Encoding"), "gzip");
  EXPECT_EQ(http::Gunzip(packed.body), script_);
  EXPECT_EQ(*packed.headers.Find("Content-Type"), "text/javascript; charset=utf-8");
}

TEST_F(PagesTest, TheIndexIsAskedForAgainAndAssetsAreKept) {
  const Pages pages(archive_);
  http::Request request;
  const http::Response index = pages.Answer("index.html", request);
  EXPECT_EQ(*index.headers.Find("Cache-Control"), "no-cache");
  EXPECT_NE(pages.Answer("assets/a-1.js", request).headers.Find("Cache-Control")->find("immutable"),
            std::string::npos);
  request.headers.Add("If-None-Match", *index.headers.Find("ETag"));
  EXPECT_EQ(pages.Answer("index.html", request).status, 304);
  EXPECT_EQ(pages.Answer("assets/a-1.js", request).status, 200);
}

TEST_F(PagesTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Pages(archive_).Answer("a", http::Request()).status, 404);
  EXPECT_EQ(Pages("").Answer("index.html", http::Request()).status, 404);
  EXPECT_DEATH(Pages(std::string_view(archive_).substr(0, archive_.size() - 1)), "invariant");
}

}  // namespace
}  // namespace afluente::console
