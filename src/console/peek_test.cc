#include "console/peek.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "broker/broker_harness.h"

namespace afluente::console {
namespace {

using broker::Text;

class PeekTest : public testing::Test {
 protected:
  PeekTest() {
    harness_.CreateTopic();
    for (int i = 0; i < 20; ++i) {
      const std::string text = std::to_string(i + 1);
      EXPECT_TRUE(harness_.Publish({Text(text, "", {{"odd", i % 2 == 0 ? "yes" : "no"}})}).ok());
      harness_.Advance(std::chrono::seconds(1));
    }
  }

  // The sequences, and what to go on after.
  std::pair<std::vector<int>, std::string> Look(
      std::vector<std::pair<std::string, std::string>> query) {
    query.emplace_back("topic", "data");
    const auto options = ReadPeekOptions(query, "p");
    EXPECT_TRUE(options.ok()) << options.status();
    const auto response = Peek(harness_.broker(), *options);
    EXPECT_TRUE(response.ok()) << response.status();
    std::vector<int> sequences;
    std::istringstream lines(response->body);
    for (std::string line; std::getline(lines, line);)
      sequences.push_back(nlohmann::json::parse(line)["sequence"]);
    return {sequences, *response->headers.Find(kLastSequenceHeader)};
  }
  using Seen = std::pair<std::vector<int>, std::string>;

  broker::BrokerHarness harness_;
};

TEST_F(PeekTest, ReadsFromTheStartAfterASequenceOrSinceATime) {
  EXPECT_EQ(Look({{"limit", "2"}}), Seen({1, 2}, "2"));
  EXPECT_EQ(Look({{"after", "18"}}), Seen({19, 20}, "20"));
  EXPECT_EQ(Look({{"after", "99"}}).first, std::vector<int>());
  // The 5th message is published four seconds after the first, at 1'700'000'000.
  EXPECT_EQ(Look({{"since", "2023-11-14T22:13:24Z"}, {"limit", "1"}}), Seen({5}, "5"));
  EXPECT_EQ(Look({{"since", "2023-11-14T22:13:24.000001Z"}, {"limit", "1"}}), Seen({6}, "6"));
  EXPECT_EQ(Look({{"since", "2020-01-01T00:00:00Z"}, {"limit", "1"}}), Seen({1}, "1"));
  EXPECT_EQ(Look({{"since", "2030-01-01T00:00:00Z"}}), Seen({}, "20"));
}

TEST_F(PeekTest, AFilterPassesOverAndSaysHowFarItLooked) {
  EXPECT_EQ(Look({{"filter", "attributes.odd = \"no\""}, {"limit", "3"}}), Seen({2, 4, 6}, "6"));
  EXPECT_EQ(Look({{"filter", "attributes:none"}}), Seen({}, "20"));
}

TEST_F(PeekTest, ConsumesNothing) {
  harness_.Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"x"}).ok());
  EXPECT_EQ(Look({{"after", "20"}}), Seen({21}, "21"));
  EXPECT_EQ(harness_.Backlog(), 1);
}

TEST_F(PeekTest, WrongParametersAreNamed) {
  using Query = std::vector<std::pair<std::string, std::string>>;
  for (const Query& query :
       {Query{}, Query{{"topic", "t"}, {"limit", "0"}}, Query{{"topic", "t"}, {"limit", "1001"}},
        Query{{"topic", "t"}, {"after", "-1"}}, Query{{"topic", "t"}, {"since", "noon"}},
        Query{{"topic", "t"}, {"filter", "nonsense"}}, Query{{"topic", "t"}, {"x", "1"}},
        Query{{"topic", "t"}, {"after", "1"}, {"since", "2023-11-14T22:13:24Z"}}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadPeekOptions(query, "p").status()));
  }
  PeekOptions options;
  options.topic = "projects/p/topics/other";
  EXPECT_TRUE(absl::IsNotFound(Peek(harness_.broker(), options).status()));
}

}  // namespace
}  // namespace afluente::console
