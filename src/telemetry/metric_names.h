#pragma once

#include <string_view>

namespace afluente::telemetry {

// Every metric's name stands here, in the order of the alphabet.
inline constexpr std::string_view kFunctionBacklog = "afluente_function_backlog_messages";
inline constexpr std::string_view kFunctionCommitSeconds = "afluente_function_commit_seconds";
inline constexpr std::string_view kFunctionMessages = "afluente_function_messages_total";
inline constexpr std::string_view kFunctionMessagesHelp =
    "Messages that a function decided, by outcome.";
inline constexpr std::string_view kFunctionRows = "afluente_function_rows_total";

}  // namespace afluente::telemetry
