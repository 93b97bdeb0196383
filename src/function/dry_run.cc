#include "function/dry_run.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "function/decide_all.h"
#include "function/function.h"
#include "function/row_text.h"
#include "host/check.h"
#include "telemetry/json_string.h"
#include "warehouse/row_json.h"

namespace afluente::function {
namespace {

constexpr size_t kReadMessages = 1'024;
constexpr size_t kReadBytes = 8 << 20;
// Messages that do not match are looked at too.
constexpr uint64_t kLookedAtMax = 200'000;

bool IsMessageColumn(const std::string& name) {
  return name == "_message_id" || name == "_message_row";
}

// The stored rows of each message, as JSON, and the table's declared columns.
struct Stored {
  std::map<std::string, std::vector<std::string>, std::less<>> rows;
  std::vector<schema::Column> columns;
};

absl::StatusOr<Stored> ReadStored(warehouse::Warehouse& warehouse, const Settings& settings,
                                  const std::vector<Attempt>& attempts) {
  schema::Type list;
  list.kind = schema::TypeKind::kArray;
  list.fields = {{"", {schema::TypeKind::kString, {}}}};
  schema::Value::List ids;
  for (const Attempt& attempt : attempts) ids.emplace_back(attempt.message->message_id);
  AFLUENTE_ASSIGN_OR_RETURN(
      auto stream, warehouse.Query({absl::StrCat("SELECT * FROM `", settings.table.ToString(),
                                                 "` WHERE _message_id IN UNNEST(@ids) "
                                                 "ORDER BY _message_id, _message_row"),
                                    "", ""},
                                   {{"ids", list, schema::Value(std::move(ids))}}, {}));
  Stored stored;
  size_t id_column = 0;
  const std::vector<schema::Column>& columns = stream->columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == "_message_id") id_column = i;
    if (!IsMessageColumn(columns[i].name)) stored.columns.push_back(columns[i]);
  }
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const warehouse::ColumnBatch batch, stream->Next());
    if (batch.rows == 0) return stored;
    for (size_t row = 0; row < batch.rows; ++row) {
      std::string json = "{";
      for (size_t i = 0; i < columns.size(); ++i) {
        if (IsMessageColumn(columns[i].name)) continue;
        if (json.size() > 1) json += ',';
        telemetry::AppendJsonString(json, columns[i].name);
        json += ':';
        warehouse::AppendJsonValue(batch.columns[i], row, json);
      }
      stored.rows[std::string(batch.columns[id_column].Bytes(row))].push_back(json + "}");
    }
  }
}

std::string RowJson(const std::vector<schema::Column>& columns,
                    const std::vector<schema::Value>& values) {
  static const schema::Value kNull;
  std::string json = "{";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) json += ',';
    telemetry::AppendJsonString(json, columns[i].name);
    json += ':';
    AppendJsonText(columns[i].type, i < values.size() ? values[i] : kNull, json);
  }
  return json + "}";
}

std::string Joined(const std::vector<std::string>& rows) {
  std::string json = "[";
  for (const std::string& row : rows) absl::StrAppend(&json, json.size() > 1 ? "," : "", row);
  return json + "]";
}

// Whether both say the same, whatever the order of their keys.
bool Same(const std::string& one, const std::string& other) {
  if (one == other) return true;
  using Json = nlohmann::json;
  return Json::parse(one, nullptr, false) == Json::parse(other, nullptr, false);
}

std::string NameOf(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kRows:
      return "stored";
    case Outcome::Kind::kDropped:
      return "dropped";
    case Outcome::Kind::kSelfStored:
      return "self_stored";
    default:
      return "failed";
  }
}

}  // namespace

absl::StatusOr<std::string> DryRun::Run(const Request& request) const {
  AFLUENTE_ASSIGN_OR_RETURN(const auto transform, source_(request.text));
  if (!transform->immediate()) {
    return absl::UnimplementedError("a dry run of a function over HTTP would make it act");
  }
  const State state = function_.state();
  AFLUENTE_ASSIGN_OR_RETURN(const auto end, function_.OpenReader(state.position.sequence));
  uint64_t at = std::max(request.from_sequence.value_or(1), end->first_sequence()) - 1;
  AFLUENTE_ASSIGN_OR_RETURN(const auto reader, function_.OpenReader(at));
  const uint64_t limit = std::clamp<uint64_t>(request.limit, 1, kLimitMax);
  std::vector<Attempt> attempts;
  const uint64_t looked_from = at;
  while (attempts.size() < limit && at < state.position.sequence &&
         at - looked_from < kLookedAtMax) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto batch, reader->Read(at, kReadMessages, kReadBytes));
    if (batch.empty()) break;
    for (const auto& message : batch) {
      if (attempts.size() == limit || message->sequence > state.position.sequence) break;
      at = message->sequence;
      if (request.from_time && message->publish_time < *request.from_time) continue;
      if (!function_.settings().filter.Matches(message->attributes)) continue;
      attempts.push_back({message, 1});
    }
  }
  AFLUENTE_ASSIGN_OR_RETURN(const Stored stored,
                            ReadStored(warehouse_, function_.settings(), attempts));
  RetryPolicy once;
  once.attempts_max = 1;
  const std::atomic<bool> stopped = false;
  std::string messages;
  int64_t changed = 0;
  for (const Decision& decision : DecideAll(*transform, std::move(attempts), once, stopped)) {
    const event::Message& message = *decision.attempt.message;
    std::vector<std::string> rows;
    for (const auto& values : decision.outcome.rows) {
      rows.push_back(RowJson(stored.columns, values));
    }
    const auto before = stored.rows.find(message.message_id);
    const std::string now = Joined(rows);
    const std::string then = before == stored.rows.end() ? "[]" : Joined(before->second);
    const bool differs = !Same(now, then);
    changed += differs;
    absl::StrAppend(&messages, messages.empty() ? "" : ",", "{\"message_id\":");
    telemetry::AppendJsonString(messages, message.message_id);
    absl::StrAppend(&messages, ",\"sequence\":", message.sequence, ",\"outcome\":\"",
                    NameOf(decision.outcome.kind), "\",\"error\":");
    telemetry::AppendJsonString(messages, decision.outcome.error);
    absl::StrAppend(&messages, ",\"rows\":", now, ",\"stored\":", then,
                    ",\"changed\":", differs ? "true" : "false", "}");
  }
  return absl::StrCat("{\"messages\":[", messages, "],\"changed\":", changed,
                      ",\"next\":", at < state.position.sequence ? absl::StrCat(at + 1) : "null",
                      "}");
}

}  // namespace afluente::function
