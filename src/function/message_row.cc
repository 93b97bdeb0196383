#include "function/message_row.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "schema/json_text.h"
#include "schema/utf8.h"
#include "warehouse/attributes_json.h"

namespace afluente::function {
namespace {

using schema::Column;
using schema::TypeKind;
using schema::Value;

// The attributes and what else has no column of its own.
std::string MetadataJson(const event::Message& message) {
  event::Attributes all = message.attributes;
  if (!message.ordering_key.empty()) all.emplace_back("ordering_key", message.ordering_key);
  return warehouse::AttributesJson(all);
}

std::optional<size_t> FindColumn(const std::vector<Column>& columns, std::string_view name) {
  auto it = std::find_if(columns.begin(), columns.end(),
                         [&](const Column& column) { return column.name == name; });
  if (it == columns.end()) return std::nullopt;
  return it - columns.begin();
}

absl::Status WrongColumn(std::string_view name, std::string_view wanted) {
  return absl::FailedPreconditionError(absl::StrCat("The table needs a column ", std::string(name),
                                                    " of type ", std::string(wanted), "."));
}

// Values of columns that nothing fills must be allowed to be absent.
absl::Status CheckOptional(const Column& column) {
  if (column.mode != schema::Mode::kRequired) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "The table's column ", column.name, " is REQUIRED, but the subscription does not write it."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MessageRow>> MessageRow::Create(const broker::BigqueryConfig& config,
                                                               std::string subscription,
                                                               const std::vector<Column>& columns,
                                                               TopicJson* topic_json) {
  std::unique_ptr<MessageRow> row(
      new MessageRow(std::move(subscription), columns.size(), topic_json));
  if (config.write_metadata) AFLUENTE_RETURN_IF_ERROR(row->PlaceMetadata(columns));
  if (config.use_topic_schema || config.use_table_schema) {
    row->PlaceFields(config, columns);
    return row;
  }
  AFLUENTE_RETURN_IF_ERROR(row->PlaceData(columns));
  return row;
}

absl::Status MessageRow::PlaceMetadata(const std::vector<Column>& columns) {
  struct Rule {
    std::string_view name;
    std::vector<TypeKind> kinds;
    std::string_view wanted;
    Value (*value)(const MessageRow& row, const event::Message& message);
  };
  const Rule rules[] = {
      {"subscription_name",
       {TypeKind::kString},
       "STRING",
       [](const MessageRow& row, const event::Message&) { return Value(row.subscription_); }},
      {"message_id",
       {TypeKind::kString},
       "STRING",
       [](const MessageRow&, const event::Message& message) { return Value(message.message_id); }},
      {"publish_time",
       {TypeKind::kTimestamp},
       "TIMESTAMP",
       [](const MessageRow&, const event::Message& message) {
         return Value(static_cast<int64_t>(message.publish_time.time_since_epoch().count()));
       }},
      {"attributes",
       {TypeKind::kString, TypeKind::kJson},
       "STRING or JSON",
       [](const MessageRow&, const event::Message& message) {
         return Value(MetadataJson(message));
       }},
  };
  for (const Rule& rule : rules) {
    std::optional<size_t> at = FindColumn(columns, rule.name);
    if (!at || std::find(rule.kinds.begin(), rule.kinds.end(), columns[*at].type.kind) ==
                   rule.kinds.end()) {
      return WrongColumn(rule.name, rule.wanted);
    }
    metadata_.push_back({*at, rule.value});
  }
  return absl::OkStatus();
}

absl::Status MessageRow::PlaceData(const std::vector<Column>& columns) {
  constexpr std::string_view kWanted = "BYTES, STRING or JSON";
  data_column_ = FindColumn(columns, "data");
  if (!data_column_) return WrongColumn("data", kWanted);
  data_kind_ = columns[*data_column_].type.kind;
  if (data_kind_ != TypeKind::kBytes && data_kind_ != TypeKind::kString &&
      data_kind_ != TypeKind::kJson) {
    return WrongColumn("data", kWanted);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i == *data_column_ || IsMetadata(i)) continue;
    AFLUENTE_RETURN_IF_ERROR(CheckOptional(columns[i]));
  }
  return absl::OkStatus();
}

void MessageRow::PlaceFields(const broker::BigqueryConfig& config,
                             const std::vector<Column>& columns) {
  std::vector<Column> fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (IsMetadata(i)) continue;
    fields.push_back(columns[i]);
    field_columns_.push_back(i);
  }
  decoder_ = std::make_unique<event::ByNameDecoder>(
      std::move(fields),
      config.drop_unknown_fields ? event::UnknownFields::kIgnore : event::UnknownFields::kReject);
}

bool MessageRow::IsMetadata(size_t column) const {
  return std::any_of(metadata_.begin(), metadata_.end(),
                     [&](const Metadata& each) { return each.column == column; });
}

absl::StatusOr<Value> MessageRow::DataValue(const std::string& data) const {
  if (data_kind_ == TypeKind::kString && !schema::IsUtf8(data))
    return absl::InvalidArgumentError("the data is not UTF-8, and column data is a STRING");
  if (data_kind_ == TypeKind::kJson && !schema::IsJson(data))
    return absl::InvalidArgumentError("the data is not JSON, and column data is");
  return Value(data);
}

absl::StatusOr<std::vector<Value>> MessageRow::Make(const event::Message& message) {
  std::vector<Value> values(columns_);
  for (const Metadata& each : metadata_) values[each.column] = each.value(*this, message);
  if (data_column_) {
    AFLUENTE_ASSIGN_OR_RETURN(values[*data_column_], DataValue(message.data));
    return values;
  }
  std::string json;
  if (topic_json_) {
    AFLUENTE_ASSIGN_OR_RETURN(json, (*topic_json_)(message));
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Value> fields,
                            decoder_->Decode(topic_json_ ? json : message.data));
  for (size_t i = 0; i < fields.size(); ++i) values[field_columns_[i]] = std::move(fields[i]);
  return values;
}

}  // namespace afluente::function
