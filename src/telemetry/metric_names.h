#pragma once

#include <string_view>

namespace afluente::telemetry {

// Every metric's name. Ours begin with afluente_; where Google has a metric of that meaning, its
// name in Cloud Monitoring is used with every other character than a letter or digit as '_'.

// API. Labels: endpoint, status; endpoint.
inline constexpr std::string_view kApiRequests = "afluente_api_requests_total";
inline constexpr std::string_view kApiRequestSeconds = "afluente_api_request_seconds";

// Topics. Label: topic_id.
inline constexpr std::string_view kTopicMessages =
    "pubsub_googleapis_com_topic_send_message_operation_count";
inline constexpr std::string_view kTopicPublishes =
    "pubsub_googleapis_com_topic_send_request_count";
inline constexpr std::string_view kTopicBytes = "pubsub_googleapis_com_topic_byte_cost";
// Subscriptions. Label: subscription_id.
inline constexpr std::string_view kSubscriptionBacklog =
    "pubsub_googleapis_com_subscription_num_undelivered_messages";
inline constexpr std::string_view kSubscriptionOldestSeconds =
    "pubsub_googleapis_com_subscription_oldest_unacked_message_age";
inline constexpr std::string_view kSubscriptionAcks =
    "pubsub_googleapis_com_subscription_ack_message_count";

// Journal.
inline constexpr std::string_view kJournalSyncs = "afluente_journal_syncs_total";
inline constexpr std::string_view kJournalSyncSeconds = "afluente_journal_sync_seconds";
inline constexpr std::string_view kJournalBytes = "afluente_journal_bytes";

// Functions. Labels: function, outcome (stored, dropped, dead_lettered, self_stored); function.
inline constexpr std::string_view kFunctionMessages = "afluente_function_messages_total";
inline constexpr std::string_view kFunctionRows = "afluente_function_rows_total";
inline constexpr std::string_view kFunctionPending = "afluente_function_pending_messages";
inline constexpr std::string_view kFunctionFreshnessSeconds = "afluente_function_freshness_seconds";
inline constexpr std::string_view kFunctionCommitSeconds = "afluente_function_commit_seconds";

// Warehouse.
inline constexpr std::string_view kWarehouseBytes = "afluente_warehouse_bytes";
inline constexpr std::string_view kWarehouseQuerySeconds = "afluente_warehouse_query_seconds";

// Process.
inline constexpr std::string_view kProcessResidentBytes = "process_resident_memory_bytes";
inline constexpr std::string_view kProcessOpenFiles = "process_open_fds";
inline constexpr std::string_view kProcessStartSeconds = "process_start_time_seconds";

}  // namespace afluente::telemetry
