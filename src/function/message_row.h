#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "event/by_name.h"
#include "event/message.h"
#include "function/topic_json.h"
#include "schema/value.h"
#include "warehouse/table.h"

namespace afluente::function {

// Makes a table's row of each message, as a BigQuery subscription does ("BigQuery subscriptions" in
// Pub/Sub's documentation): the data in column `data`, or in columns by the topic's or the table's
// schema; with write_metadata also subscription_name, message_id, publish_time and attributes, a
// JSON object that holds the ordering key too, as "ordering_key". One thread at a time.
class MessageRow {
 public:
  // FAILED_PRECONDITION names the column that is missing or of the wrong type. `topic_json`, for
  // config.use_topic_schema, is null otherwise and outlives the row.
  static absl::StatusOr<std::unique_ptr<MessageRow>> Create(
      const broker::BigqueryConfig& config, std::string subscription,
      const std::vector<schema::Column>& columns, TopicJson* topic_json);

  // The values in column order; INVALID_ARGUMENT says why the message does not fit.
  absl::StatusOr<std::vector<schema::Value>> Make(const event::Message& message);

 private:
  // A column that is filled from the message as a whole.
  struct Metadata {
    size_t column;
    schema::Value (*value)(const MessageRow& row, const event::Message& message);
  };

  MessageRow(std::string subscription, size_t columns, TopicJson* topic_json)
      : subscription_(std::move(subscription)), columns_(columns), topic_json_(topic_json) {}

  absl::Status PlaceMetadata(const std::vector<schema::Column>& columns);
  absl::Status PlaceData(const std::vector<schema::Column>& columns);
  void PlaceFields(const broker::BigqueryConfig& config,
                   const std::vector<schema::Column>& columns);
  bool IsMetadata(size_t column) const;
  absl::StatusOr<schema::Value> DataValue(const std::string& data) const;

  const std::string subscription_;
  const size_t columns_;
  TopicJson* const topic_json_;
  std::vector<Metadata> metadata_;
  // One of both: the column of the data, or the decoder of its fields and their columns.
  std::optional<size_t> data_column_;
  schema::TypeKind data_kind_ = schema::TypeKind::kBytes;
  std::unique_ptr<event::ByNameDecoder> decoder_;
  std::vector<size_t> field_columns_;
};

}  // namespace afluente::function
