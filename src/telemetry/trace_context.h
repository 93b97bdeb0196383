#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace afluente::telemetry {

// Where in a trace something is (W3C Trace Context, level 1): ids as lower-case hexadecimal digits.
struct TraceContext {
  std::string trace_id;  // 32 digits, not all zero
  std::string span_id;   // 16 digits, not all zero
  bool sampled = true;
};

// The attribute of messages that carries it, as Google's clients name it; its value has
// traceparent's form.
inline constexpr std::string_view kTraceAttribute = "googclient_traceparent";

// nullopt for what is no traceparent. Later versions than 00 are read as far as 00 goes.
std::optional<TraceContext> ParseTraceparent(std::string_view text);
std::string FormatTraceparent(const TraceContext& context);

}  // namespace afluente::telemetry
