#pragma once

#include <string_view>

// Every metric's name, in the order of the alphabet. Ours begin with afluente_; where Google has a
// metric of that meaning, its name in Cloud Monitoring is used with '_' for every character that is
// no letter or digit.
namespace afluente::telemetry {

// Labels: endpoint, status.
inline constexpr std::string_view kApiRequests = "afluente_api_requests_total";
inline constexpr std::string_view kApiRequestSeconds = "afluente_api_request_seconds";
inline constexpr std::string_view kDiskFreeBytes = "afluente_disk_free_bytes";
// Labels: function; outcome of messages (stored, dropped, dead_lettered).
inline constexpr std::string_view kFunctionBacklog = "afluente_function_backlog_messages";
inline constexpr std::string_view kFunctionAttemptsFailed =
    "afluente_function_attempts_failed_total";
inline constexpr std::string_view kFunctionWaiting = "afluente_function_waiting";
inline constexpr std::string_view kFunctionCommitSeconds = "afluente_function_commit_seconds";
inline constexpr std::string_view kFunctionMessages = "afluente_function_messages_total";
inline constexpr std::string_view kFunctionMessagesHelp =
    "Messages that a function decided, by outcome.";
inline constexpr std::string_view kFunctionOldestPending =
    "afluente_function_oldest_pending_seconds";
inline constexpr std::string_view kFunctionRows = "afluente_function_rows_total";
// Labels: outcome (accepted, rejected).
inline constexpr std::string_view kIngestMessages = "afluente_ingest_messages_total";
inline constexpr std::string_view kIngestMessagesHelp = "Messages of POST /ingest, by outcome.";
inline constexpr std::string_view kJournalBytes = "afluente_journal_bytes";
// Labels: outcome (accepted, refused, dropped, ignored).
inline constexpr std::string_view kMqttConnections = "afluente_mqtt_connections";
inline constexpr std::string_view kMqttMessages = "afluente_mqtt_messages_total";
inline constexpr std::string_view kMqttMessagesHelp = "Messages of the MQTT door, by outcome.";
inline constexpr std::string_view kMqttRejectedConnects = "afluente_mqtt_rejected_connects_total";
inline constexpr std::string_view kSyncSeconds = "afluente_journal_sync_seconds";
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
// Labels: outcome (exported; lost: queue_full, refused).
inline constexpr std::string_view kTraceSpans = "afluente_trace_spans_total";
inline constexpr std::string_view kTraceSpansHelp = "Spans of sampled traces, by outcome.";

// As Prometheus' own clients name them.
inline constexpr std::string_view kProcessCpuSeconds = "process_cpu_seconds_total";
inline constexpr std::string_view kProcessOpenFiles = "process_open_fds";
inline constexpr std::string_view kProcessResidentBytes = "process_resident_memory_bytes";

// Google's (labels: project_id and subscription_id or topic_id; push results also response_class
// and response_code), read when scraped.
inline constexpr std::string_view kSubscriptionAckLatencies =
    "pubsub_googleapis_com_subscription_ack_latencies";
inline constexpr std::string_view kSubscriptionAckMessageCount =
    "pubsub_googleapis_com_subscription_ack_message_count";
inline constexpr std::string_view kSubscriptionByteCost =
    "pubsub_googleapis_com_subscription_byte_cost";
inline constexpr std::string_view kSubscriptionDeadLetterMessageCount =
    "pubsub_googleapis_com_subscription_dead_letter_message_count";
inline constexpr std::string_view kSubscriptionNumOutstandingMessages =
    "pubsub_googleapis_com_subscription_num_outstanding_messages";
inline constexpr std::string_view kSubscriptionNumUndeliveredMessages =
    "pubsub_googleapis_com_subscription_num_undelivered_messages";
inline constexpr std::string_view kSubscriptionOldestUnackedMessageAge =
    "pubsub_googleapis_com_subscription_oldest_unacked_message_age";
inline constexpr std::string_view kSubscriptionPushRequestCount =
    "pubsub_googleapis_com_subscription_push_request_count";
inline constexpr std::string_view kSubscriptionPushRequestLatencies =
    "pubsub_googleapis_com_subscription_push_request_latencies";
inline constexpr std::string_view kSubscriptionSentMessageCount =
    "pubsub_googleapis_com_subscription_sent_message_count";
inline constexpr std::string_view kTopicByteCost = "pubsub_googleapis_com_topic_byte_cost";
inline constexpr std::string_view kTopicMessageSizes = "pubsub_googleapis_com_topic_message_sizes";
inline constexpr std::string_view kTopicSendMessageOperationCount =
    "pubsub_googleapis_com_topic_send_message_operation_count";

}  // namespace afluente::telemetry
