#include "function/dead_letters.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/topic_reader.h"
#include "function/commit_draft.h"
#include "function/decide_all.h"
#include "function/function.h"
#include "host/check.h"
#include "host/clock.h"
#include "warehouse/row_json.h"

namespace afluente::function {
namespace {

using schema::TypeKind;
using schema::Value;
using warehouse::Parameter;

Parameter Text(std::string name, std::string value) {
  return {std::move(name), {TypeKind::kString, {}}, Value(std::move(value))};
}

Parameter Texts(std::string name, const std::vector<std::string>& values) {
  schema::Type list;
  list.kind = TypeKind::kArray;
  list.fields = {{"", {TypeKind::kString, {}}}};
  Value::List all;
  for (const std::string& value : values) all.emplace_back(value);
  return {std::move(name), std::move(list), Value(std::move(all))};
}

// An outcome as an operator reads it.
std::string NameOf(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kRows:
      return "stored";
    case Outcome::Kind::kDropped:
      return "dropped";
    case Outcome::Kind::kSelfStored:
      return "self_stored";
    default:
      return "dead";
  }
}

event::Attributes ReadAttributes(std::string_view text) {
  event::Attributes attributes;
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return attributes;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) attributes.emplace_back(key, value.get<std::string>());
  }
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

}  // namespace

DeadLetters::DeadLetters(Function& function, warehouse::Warehouse& warehouse,
                         TransformSource source, const host::Clock& clock)
    : function_(function), warehouse_(warehouse), source_(std::move(source)), clock_(clock) {}

std::string DeadLetters::Table() const {
  return absl::StrCat("`", function_.settings().dead_letter_table.ToString(), "`");
}

absl::StatusOr<std::string> DeadLetters::List(const Filter& filter) const {
  const uint64_t limit = std::clamp<uint64_t>(filter.limit, 1, kPageMax);
  std::string sql = absl::StrCat(
      "SELECT message_id, topic, publish_time, data, attributes, ordering_key, error, attempts, "
      "failed_at, state FROM ",
      Table(), " WHERE `function` = @function AND message_id > @after");
  std::vector<Parameter> parameters = {Text("function", function_.settings().name),
                                       Text("after", filter.after)};
  if (!filter.state.empty()) {
    sql += " AND state = @state";
    parameters.push_back(Text("state", filter.state));
  }
  if (!filter.error.empty()) {
    sql += " AND STRPOS(error, @error) > 0";
    parameters.push_back(Text("error", filter.error));
  }
  if (!filter.id.empty()) {
    sql += " AND message_id = @id";
    parameters.push_back(Text("id", filter.id));
  }
  absl::StrAppend(&sql, " ORDER BY message_id, failed_at LIMIT ", limit);
  auto stream = warehouse_.Query({sql, "", ""}, parameters, {});
  // The table comes with the first dead letter.
  if (!stream.ok()) return std::string(R"({"dead_letters":[],"next":null})");
  const warehouse::RowJsonWriter writer((*stream)->columns());
  std::string rows;
  std::string last;
  uint64_t count = 0;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const warehouse::ColumnBatch batch, (*stream)->Next());
    if (batch.rows == 0) break;
    for (size_t i = 0; i < batch.rows; ++i) {
      if (count++ > 0) rows += ',';
      writer.AppendRow(batch, i, rows);
      last = batch.columns[0].Bytes(i);
    }
  }
  const nlohmann::json next = count == limit ? nlohmann::json(last) : nlohmann::json();
  return absl::StrCat("{\"dead_letters\":[", rows, "],\"next\":", next.dump(), "}");
}

absl::StatusOr<std::vector<Attempt>> DeadLetters::Read(const std::vector<Retry>& retries) const {
  std::vector<std::string> ids;
  for (const Retry& retry : retries) ids.push_back(retry.id);
  const std::string sql = absl::StrCat(
      "SELECT message_id, publish_time, data, TO_JSON_STRING(attributes), ordering_key, attempts "
      "FROM ",
      Table(),
      " WHERE `function` = @function AND state != 'retried' AND message_id IN UNNEST(@ids)");
  AFLUENTE_ASSIGN_OR_RETURN(
      auto stream,
      warehouse_.Query({sql, "", ""},
                       {Text("function", function_.settings().name), Texts("ids", ids)}, {}));
  std::map<std::string, Attempt, std::less<>> found;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const warehouse::ColumnBatch batch, stream->Next());
    if (batch.rows == 0) break;
    for (size_t i = 0; i < batch.rows; ++i) {
      auto message = std::make_shared<event::Message>();
      message->message_id = batch.columns[0].Bytes(i);
      message->publish_time = host::WallTime(std::chrono::microseconds(batch.columns[1].ints[i]));
      message->data = batch.columns[2].Bytes(i);
      message->attributes = ReadAttributes(batch.columns[3].Bytes(i));
      message->ordering_key = batch.columns[4].Bytes(i);
      std::string id = message->message_id;
      found[std::move(id)] = Attempt{std::move(message), batch.columns[5].ints[i] + 1};
    }
  }
  std::vector<Attempt> attempts;
  for (const Retry& retry : retries) {
    const auto it = found.find(retry.id);
    if (it == found.end()) {
      return absl::NotFoundError(absl::StrCat(
          "message ", retry.id, " is no dead letter of function ", function_.settings().name));
    }
    auto message = std::make_shared<event::Message>(*it->second.message);
    if (retry.data) message->data = *retry.data;
    // In the order that was asked for.
    message->sequence = attempts.size();
    attempts.push_back({std::move(message), it->second.number});
    found.erase(it);
  }
  return attempts;
}

absl::StatusOr<std::vector<DeadLetters::Retried>> DeadLetters::Decide(
    const std::vector<Retry>& retries) {
  if (retries.empty() || retries.size() > kRetriesMax) {
    return absl::InvalidArgumentError(absl::StrCat("expected 1 to ", kRetriesMax, " ids"));
  }
  AFLUENTE_ASSIGN_OR_RETURN(auto attempts, Read(retries));
  AFLUENTE_ASSIGN_OR_RETURN(const auto transform, source_({}));
  const std::atomic<bool> stopped = false;
  RetryPolicy once = function_.settings().retry;
  once.attempts_max = 1;
  std::vector<Decision> decisions = DecideAll(*transform, std::move(attempts), once, stopped);
  std::vector<Retried> retried;
  for (Decision& decision : decisions) {
    Retried each{decision.attempt.message->message_id, NameOf(decision.outcome.kind),
                 static_cast<int64_t>(decision.outcome.rows.size()), decision.outcome.error};
    // One by one: a row that the table refuses is one message's fault.
    CommitDraft draft(function_.settings(), clock_);
    draft.Replace(decision);
    const absl::Status status =
        function_.CommitBeside(std::move(draft.commit()), [](State&) { return absl::OkStatus(); });
    if (absl::IsInvalidArgument(status)) {
      each = {each.id, "dead", 0, std::string(status.message())};
    } else {
      AFLUENTE_RETURN_IF_ERROR(status);
    }
    retried.push_back(std::move(each));
  }
  return retried;
}

absl::StatusOr<int64_t> DeadLetters::MarkExported(const std::vector<std::string>& ids) {
  const std::string sql = absl::StrCat("UPDATE ", Table(),
                                       " SET state = 'exported' WHERE `function` = @function AND "
                                       "state = 'dead' AND message_id IN UNNEST(@ids)");
  AFLUENTE_ASSIGN_OR_RETURN(
      auto outcome,
      warehouse_.Query({sql, "", ""},
                       {Text("function", function_.settings().name), Texts("ids", ids)}, {}));
  return outcome->affected_rows().value_or(0);
}

}  // namespace afluente::function
