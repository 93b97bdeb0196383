#include "http/request_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace afluente::http {
namespace {

using Progress = RequestParser::Progress;

struct Read {
  std::vector<std::string> requests;  // "METHOD target|body|headers"
  std::optional<int> refusal;
  friend bool operator==(const Read&, const Read&) = default;
};

// Feeds `bytes` cut at `cuts`, as a connection does.
Read ReadCut(std::string_view bytes, const std::vector<size_t>& cuts) {
  RequestParser parser({.body_bytes_max = 1000, .header_bytes_max = 2000});
  Read read;
  std::string pending;
  size_t at = 0;
  std::vector<size_t> ends = cuts;
  ends.push_back(bytes.size());
  for (const size_t end : ends) {
    pending += bytes.substr(at, end - at);
    at = end;
    while (true) {
      const RequestParser::Step step = parser.Feed(pending);
      pending.erase(0, step.consumed);
      if (step.progress == Progress::kNeedMore) break;
      if (step.progress == Progress::kRefused) {
        read.refusal = parser.refusal().status;
        return read;
      }
      const Request request = parser.Take();
      std::string text = request.method + " " + request.target + "|" + request.body;
      for (const auto& [name, value] : request.headers.entries()) text += "|" + name + "=" + value;
      read.requests.push_back(text);
    }
  }
  return read;
}

const std::vector<std::string>& Streams() {
  static const auto* const streams = new std::vector<std::string>{
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept:  */* \r\n\r\nPOST /p HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 5\r\n\r\nhelloGET /z HTTP/1.0\r\n\r\n",
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n"
      "1\r\n!\r\n0\r\nTrailer: t\r\n\r\nGET /n HTTP/1.1\r\nHost: y\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
      "POST /c HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
      "POST /c HTTP/1.1\r\nHost: x\r\nX:\r\n b\r\n\r\n",
      "POST /c HTTP/1.1\r\nContent-Length: 3\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
      "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n\r\n\r\n",
  };
  return *streams;
}

TEST(RequestParser, ReadsAStream) {
  const Read first = ReadCut(Streams()[0], {});
  EXPECT_EQ(first.requests,
            (std::vector<std::string>{"GET /a?b=c||Host=x|Accept=*/*",
                                      "POST /p|hello|Host=x|Content-Length=5", "GET /z|"}));
  EXPECT_EQ(first.refusal, std::nullopt);
  const Read second = ReadCut(Streams()[1], {});
  EXPECT_EQ(second.requests,
            (std::vector<std::string>{"POST /c|hello!|Host=x|Transfer-Encoding=chunked",
                                      "GET /n||Host=y"}));
  EXPECT_EQ(ReadCut(Streams()[2], {}).requests.size(), 1u);
  EXPECT_EQ(ReadCut(Streams()[3], {}).requests.size(), 1u);
  for (size_t i = 4; i < Streams().size(); ++i) {
    const int status = i == 8 ? 413 : 400;
    EXPECT_EQ(ReadCut(Streams()[i] + std::string(64, 'x'), {}).refusal, status) << i;
  }
}

// Where the network cuts a stream never changes what is read.
TEST(RequestParser, CutsDoNotMatter) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const std::string& stream : Streams()) {
    const Read whole = ReadCut(stream, {});
    std::vector<size_t> each;
    for (size_t i = 1; i < stream.size(); ++i) each.push_back(i);
    EXPECT_EQ(ReadCut(stream, each), whole) << stream;
    for (int round = 0; round < 50; ++round) {
      std::vector<size_t> cuts;
      for (const size_t cut : each) {
        if (random() % 8 == 0) cuts.push_back(cut);
      }
      ASSERT_EQ(ReadCut(stream, cuts), whole) << stream;
    }
  }
}

}  // namespace
}  // namespace afluente::http
