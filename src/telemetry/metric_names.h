#pragma once

#include <string_view>

// Every metric's name, in the order of the alphabet.
namespace afluente::telemetry {

inline constexpr std::string_view kFunctionBacklog = "afluente_function_backlog_messages";
inline constexpr std::string_view kFunctionCommitSeconds = "afluente_function_commit_seconds";
inline constexpr std::string_view kFunctionMessages = "afluente_function_messages_total";
inline constexpr std::string_view kFunctionMessagesHelp =
    "Messages that a function decided, by outcome.";
inline constexpr std::string_view kFunctionRows = "afluente_function_rows_total";
inline constexpr std::string_view kPubsubAcknowledgedMessages =
    "afluente_pubsub_acknowledged_messages_total";
inline constexpr std::string_view kPubsubDeliveredMessages =
    "afluente_pubsub_delivered_messages_total";
inline constexpr std::string_view kPubsubModifiedDeadlines =
    "afluente_pubsub_modified_deadlines_total";
inline constexpr std::string_view kPubsubOpenPulls = "afluente_pubsub_open_pulls";
inline constexpr std::string_view kPubsubPublishedBytes = "afluente_pubsub_published_bytes_total";
inline constexpr std::string_view kPubsubPublishedMessages =
    "afluente_pubsub_published_messages_total";
inline constexpr std::string_view kPubsubRequests = "afluente_pubsub_requests_total";
inline constexpr std::string_view kPubsubRequestSeconds = "afluente_pubsub_request_seconds";

}  // namespace afluente::telemetry
