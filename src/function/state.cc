#include "function/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "host/check.h"

namespace afluente::function {
namespace {

using Json = nlohmann::json;

// Errors are texts of strangers; equal ones are written once.
Json EncodeWaiting(const WaitingSet& waiting) {
  Json entries = Json::array();
  Json errors = Json::array();
  std::map<std::string, size_t> numbers;
  for (const auto& [sequence, entry] : waiting.entries()) {
    const auto [number, added] = numbers.try_emplace(entry.error, numbers.size());
    if (added) errors.push_back(entry.error);
    entries.push_back(
        {sequence, entry.attempts, entry.next_time.time_since_epoch().count(), number->second});
  }
  return {{"entries", std::move(entries)}, {"errors", std::move(errors)}};
}

absl::Status NotReadable(std::string_view what) {
  return absl::DataLossError("a function's stored state has no readable " + std::string(what));
}

absl::Status DecodeWaiting(const Json& json, WaitingSet& waiting) {
  if (!json.is_object() || !json.contains("entries") || !json.contains("errors") ||
      !json["entries"].is_array() || !json["errors"].is_array())
    return NotReadable("waiting messages");
  const Json& errors = json["errors"];
  for (const Json& entry : json["entries"]) {
    const bool numbers = entry.is_array() && entry.size() == 4 &&
                         std::all_of(entry.begin(), entry.end(),
                                     [](const Json& each) { return each.is_number_integer(); });
    if (!numbers) return NotReadable("waiting messages");
    const auto error = entry[3].get<uint64_t>();
    if (error >= errors.size() || !errors[error].is_string())
      return NotReadable("waiting messages");
    Waiting restored;
    restored.attempts = entry[1].get<int64_t>();
    restored.next_time = host::WallTime(host::WallTime::duration(entry[2].get<int64_t>()));
    restored.error = errors[error].get<std::string>();
    waiting.Restore(entry[0].get<uint64_t>(), std::move(restored));
  }
  return absl::OkStatus();
}

absl::Status DecodeReplay(const Json& json, std::optional<ReplayState>& replay) {
  for (const char* number : {"next", "end", "messages"}) {
    if (!json.is_object() || !json.contains(number) || !json[number].is_number_integer())
      return NotReadable("replay");
  }
  if (!json.contains("into") || !json["into"].is_string()) return NotReadable("replay");
  replay = ReplayState{json["next"].get<uint64_t>(), json["end"].get<uint64_t>(),
                       json["into"].get<std::string>(), json["messages"].get<int64_t>()};
  return absl::OkStatus();
}

absl::Status DecodeBackfills(const Json& json, State& state) {
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object() ||
      !json.contains("messages") || !json["messages"].is_number_integer())
    return NotReadable("backfills");
  for (const auto& [file, records] : json["files"].items()) {
    if (!records.is_number_unsigned()) return NotReadable("backfills");
    state.backfills.emplace(file, records.get<uint64_t>());
  }
  state.backfilled = json["messages"].get<int64_t>();
  return absl::OkStatus();
}

Json EncodeTable(const warehouse::TableName& name) {
  return {name.project, name.dataset, name.table};
}

absl::Status DecodeTable(const Json& json, const char* key, warehouse::TableName& name) {
  if (!json.contains(key)) return absl::OkStatus();
  const Json& parts = json[key];
  const bool texts =
      parts.is_array() && parts.size() == 3 &&
      std::all_of(parts.begin(), parts.end(), [](const Json& each) { return each.is_string(); });
  if (!texts) return NotReadable(key);
  name = {parts[0].get<std::string>(), parts[1].get<std::string>(), parts[2].get<std::string>()};
  return absl::OkStatus();
}

absl::Status DecodeRemoval(const Json& json, State& state) {
  if (!json.contains("dropped_by_operator")) return absl::OkStatus();
  if (!json["dropped_by_operator"].is_number_integer() || !json.contains("removed") ||
      !json["removed"].is_boolean())
    return NotReadable("removal");
  state.removed = json["removed"].get<bool>();
  state.dropped_by_operator = json["dropped_by_operator"].get<int64_t>();
  return absl::OkStatus();
}

}  // namespace

uint64_t State::decided_through() const {
  if (waiting.empty()) return position.sequence;
  return std::min(position.sequence, waiting.entries().begin()->first - 1);
}

std::string State::Encode() const {
  Json json = {
      {"version", 1},
      {"journal", position.journal},
      {"incarnation", position.incarnation},
      {"sequence", position.sequence},
      {"topic", topic},
      {"filter", filter},
      {"audited_sequence", audited_sequence},
      {"audited_published", audited_published},
  };
  if (!waiting.empty()) json["waiting"] = EncodeWaiting(waiting);
  if (replay) {
    json["replay"] = {{"next", replay->next},
                      {"end", replay->end},
                      {"into", replay->into},
                      {"messages", replay->messages}};
  }
  if (!backfills.empty()) json["backfills"] = {{"files", backfills}, {"messages", backfilled}};
  if (!dead_letter_table.table.empty()) {
    json["table"] = EncodeTable(table);
    json["dead_letter_table"] = EncodeTable(dead_letter_table);
  }
  if (removed || dropped_by_operator > 0) {
    json["removed"] = removed;
    json["dropped_by_operator"] = dropped_by_operator;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<State> State::Decode(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("version", 0) != 1)
    return absl::DataLossError("a function's stored state is not readable");
  for (const char* name : {"journal", "topic", "filter"}) {
    if (!json.contains(name) || !json[name].is_string()) return NotReadable(name);
  }
  for (const char* number : {"incarnation", "sequence", "audited_sequence", "audited_published"}) {
    if (!json.contains(number) || !json[number].is_number_integer()) return NotReadable(number);
  }
  State state;
  state.position.journal = json["journal"].get<std::string>();
  state.position.incarnation = json["incarnation"].get<uint64_t>();
  state.position.sequence = json["sequence"].get<uint64_t>();
  state.topic = json["topic"].get<std::string>();
  state.filter = json["filter"].get<std::string>();
  state.audited_sequence = json["audited_sequence"].get<uint64_t>();
  state.audited_published = json["audited_published"].get<int64_t>();
  if (json.contains("waiting"))
    AFLUENTE_RETURN_IF_ERROR(DecodeWaiting(json["waiting"], state.waiting));
  if (json.contains("replay")) AFLUENTE_RETURN_IF_ERROR(DecodeReplay(json["replay"], state.replay));
  if (json.contains("backfills"))
    AFLUENTE_RETURN_IF_ERROR(DecodeBackfills(json["backfills"], state));
  AFLUENTE_RETURN_IF_ERROR(DecodeTable(json, "table", state.table));
  AFLUENTE_RETURN_IF_ERROR(DecodeTable(json, "dead_letter_table", state.dead_letter_table));
  AFLUENTE_RETURN_IF_ERROR(DecodeRemoval(json, state));
  return state;
}

}  // namespace afluente::function
