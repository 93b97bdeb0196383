#include "console/routes.h"

#include <gtest/gtest.h>

namespace afluente::console {
namespace {

http::Request Change(std::vector<std::pair<std::string, std::string>> headers, std::string body) {
  http::Request request;
  request.method = "POST";
  request.headers.Add("Host", "127.0.0.1:9000");
  for (auto& [name, value] : headers) request.headers.Add(name, value);
  request.body = std::move(body);
  return request;
}

TEST(CheckChangeTest, TakesJsonFromItsOwnPagesOrNoPage) {
  const std::pair<std::string, std::string> json{"Content-Type", "application/json; charset=utf-8"};
  EXPECT_TRUE(CheckChange(Change({json}, "{}")).ok());
  EXPECT_TRUE(CheckChange(Change({json, {"Origin", "http://127.0.0.1:9000"}}, "{}")).ok());
  EXPECT_TRUE(CheckChange(Change({{"Content-Type", "application/x-ndjson"}}, "{}\n{}")).ok());
  EXPECT_TRUE(CheckChange(Change({}, "")).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckChange(Change({}, "{}"))));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckChange(Change({{"Content-Type", "text/plain"}}, "{}"))));
  for (const char* origin : {"http://127.0.0.1:3000", "http://localhost:9000", "null", ""})
    EXPECT_TRUE(absl::IsPermissionDenied(CheckChange(Change({json, {"Origin", origin}}, "{}"))))
        << origin;
  http::Request read = Change({{"Origin", "http://127.0.0.1:3000"}}, "");
  read.method = "GET";
  EXPECT_TRUE(CheckChange(read).ok());
}

}  // namespace
}  // namespace afluente::console
