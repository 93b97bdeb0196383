#include "function/dead_letter_log.h"

#include <chrono>
#include <utility>

#include "telemetry/log.h"
#include "telemetry/trace_context.h"

namespace afluente::function {

void DeadLetterLog::Add(const std::string& function, const Decision& decision) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const int64_t second = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  if (second != second_) lines_ = 0;
  second_ = second;
  if (++lines_ > kLinesMax) return;
  const event::Message& message = *decision.attempt.message;
  telemetry::LogFields fields = {{"function", function},
                                 {"message_id", message.message_id},
                                 {"attempts", std::to_string(decision.attempt.number)},
                                 {"error", decision.outcome.error}};
  const std::string* trace = event::FindAttribute(message.attributes, telemetry::kTraceAttribute);
  const auto context = trace == nullptr ? std::nullopt : telemetry::ParseTraceparent(*trace);
  if (context) fields.emplace_back("trace_id", context->trace_id);
  telemetry::Log(telemetry::Severity::kWarning, "a message became a dead letter", fields);
}

}  // namespace afluente::function
