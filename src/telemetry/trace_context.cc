#include "telemetry/trace_context.h"

namespace afluente::telemetry {
namespace {

// VERSION-TRACE-SPAN-FLAGS
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kSize = kVersionDigits + 1 + kTraceDigits + 1 + kSpanDigits + 3;
constexpr std::string_view kDigits = "0123456789abcdef";

bool IsHex(std::string_view text) {
  return text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view text) {
  if (text.size() < kSize) return std::nullopt;
  const std::string_view version = text.substr(0, kVersionDigits);
  const std::string_view trace = text.substr(kVersionDigits + 1, kTraceDigits);
  const std::string_view span = text.substr(kVersionDigits + 1 + kTraceDigits + 1, kSpanDigits);
  const std::string_view flags = text.substr(kSize - 2, 2);
  const bool dashes = text[kVersionDigits] == '-' &&
                      text[kVersionDigits + 1 + kTraceDigits] == '-' && text[kSize - 3] == '-';
  if (!dashes || !IsHex(version) || version == "ff" || !IsId(trace) || !IsId(span) ||
      !IsHex(flags)) {
    return std::nullopt;
  }
  const bool longer = text.size() > kSize;
  if (longer && (version == "00" || text[kSize] != '-')) return std::nullopt;
  const bool sampled = (kDigits.find(flags[1]) & 1) != 0;
  return TraceContext{std::string(trace), std::string(span), sampled};
}

std::string FormatTraceparent(const TraceContext& context) {
  std::string text = "00-";
  text.reserve(kSize);
  text += context.trace_id;
  text += '-';
  text += context.span_id;
  text += context.sampled ? "-01" : "-00";
  return text;
}

}  // namespace afluente::telemetry
