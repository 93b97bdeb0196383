#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace afluente::telemetry {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string Captured(Severity severity, std::string_view message, const LogFields& fields) {
  testing::internal::CaptureStderr();
  Log(severity, message, fields);
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesOneJsonLine) {
  SetJsonLogs(true);
  const std::string line =
      Captured(Severity::kWarning, "disk \"full\"\n", {{"path", "a\\b\xff"}, {"count", "3"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["severity"], "WARNING");
  EXPECT_EQ(parsed["message"], "disk \"full\"\n");
  EXPECT_EQ(parsed["path"], "a\\b\xef\xbf\xbd");
  EXPECT_EQ(parsed["count"], "3");
  EXPECT_THAT(parsed["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
}

TEST(Log, TextCannotForgeLinesOrDriveTheTerminal) {
  SetJsonLogs(false);
  const std::string line =
      Captured(Severity::kInfo, "hello\nERROR forged", {{"name", "x\x1b[31m"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_THAT(line, HasSubstr("INFO hello?ERROR forged  name=x?[31m"));
}

TEST(Log, LeavesOutWhatIsBelowTheMinimum) {
  SetMinimumSeverity(Severity::kError);
  EXPECT_EQ(Captured(Severity::kWarning, "quiet", {}), "");
  EXPECT_NE(Captured(Severity::kError, "loud", {}), "");
  SetMinimumSeverity(Severity::kInfo);
}

}  // namespace
}  // namespace afluente::telemetry
