#include "schema/text.h"
#include "spec/spec.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

std::string Line(std::string_view name, std::string value, std::string standard,
                 std::string_view meaning) {
  std::string line = Concat(name, std::string(16 - name.size(), ' '), value);
  line.append(line.size() < 26 ? 26 - line.size() : 1, ' ');
  return Concat(line, meaning, " (default ", standard, ")\n");
}

}  // namespace

std::string DescribeLimits(const Limits& limits) {
  const Limits standard;
  return Concat(
      Line("memory", FormatSize(limits.memory_bytes), FormatSize(standard.memory_bytes),
           "memory of the warehouse and buffers"),
      Line("threads", Concat(limits.threads), Concat(standard.threads), "warehouse threads"),
      Line("disk", FormatSize(limits.disk_bytes), FormatSize(standard.disk_bytes),
           "space for the data directory; publishes are refused beyond it"),
      Line("request_bytes", FormatSize(limits.request_bytes), FormatSize(standard.request_bytes),
           "largest request body"));
}

}  // namespace afluente::spec
