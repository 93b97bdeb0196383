#pragma once

#include <string_view>

// Every metric's name, in the order of the alphabet. Ours begin with afluente_; where Google has a
// metric of that meaning, its name in Cloud Monitoring is used with '_' for every character that is
// no letter or digit.
namespace afluente::telemetry {

// Labels: endpoint, status.
inline constexpr std::string_view kApiRequests = "afluente_api_requests_total";
inline constexpr std::string_view kApiRequestSeconds = "afluente_api_request_seconds";
// Labels: function; outcome of messages (stored, dropped, dead_lettered).
inline constexpr std::string_view kFunctionBacklog = "afluente_function_backlog_messages";
inline constexpr std::string_view kFunctionCommitSeconds = "afluente_function_commit_seconds";
inline constexpr std::string_view kFunctionMessages = "afluente_function_messages_total";
inline constexpr std::string_view kFunctionMessagesHelp =
    "Messages that a function decided, by outcome.";
inline constexpr std::string_view kFunctionRows = "afluente_function_rows_total";
inline constexpr std::string_view kJournalBytes = "afluente_journal_bytes";
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
