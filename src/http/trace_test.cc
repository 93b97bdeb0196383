#include "http/trace.h"

#include <gtest/gtest.h>

namespace afluente::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields Of(const std::string& name, const std::string& value) {
  Headers headers;
  headers.Add(name, value);
  Fields fields;
  for (const auto& [field, text] : TraceFields(headers)) fields.emplace_back(field, text);
  return fields;
}

TEST(Trace, NamesTheTraceOfARequestInTheProject) {
  const std::string trace(32, 'a');
  EXPECT_EQ(Of("X-Cloud-Trace-Context", trace + "/12;o=1"), (Fields{{"trace_id", trace}}));
  EXPECT_EQ(Of("Traceparent", "00-" + trace + "-00f067aa0ba902b7-01"),
            (Fields{{"trace_id", trace}}));
  NameTraces("p");
  const std::string name = "projects/p/traces/" + trace;
  EXPECT_EQ(Of("X-Cloud-Trace-Context", trace + "/12;o=1"),
            (Fields{{"logging.googleapis.com/trace", name}}));
  EXPECT_EQ(Of("Traceparent", "00-" + trace + "-00f067aa0ba902b7-01"),
            (Fields{{"logging.googleapis.com/trace", name},
                    {"logging.googleapis.com/spanId", "00f067aa0ba902b7"}}));
  for (const char* wrong : {"", "x", "00-zz", "/1"}) {
    EXPECT_EQ(Of("Traceparent", wrong), Fields()) << wrong;
    EXPECT_EQ(Of("X-Cloud-Trace-Context", wrong), Fields()) << wrong;
  }
  NameTraces("");
}

}  // namespace
}  // namespace afluente::http
