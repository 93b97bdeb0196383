// A function's balance: the four sides of promise 3, and who does not add up.

#include "host/check.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/topics.h"
#include "function/function.h"
#include "function/journal_walk.h"
#include "function/transform.h"

namespace afluente::function {
namespace {

constexpr size_t kSuspectsMax = 50;
// What the search for suspects keeps in memory: ids of this many of the latest messages.
constexpr uint64_t kSearchedMax = 1'000'000;

std::string Quoted(const warehouse::TableName& table) {
  return absl::StrCat("`", table.ToString(), "`");
}

// The first column of a query's rows.
absl::StatusOr<std::set<std::string>> ReadIds(warehouse::Warehouse& warehouse,
                                              const std::string& sql,
                                              const std::vector<warehouse::Parameter>& parameters) {
  AFLUENTE_ASSIGN_OR_RETURN(auto stream, warehouse.Query({sql, "", ""}, parameters, {}));
  std::set<std::string> ids;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const warehouse::ColumnBatch batch, stream->Next());
    if (batch.rows == 0) return ids;
    for (size_t i = 0; i < batch.rows; ++i) ids.emplace(batch.columns[0].Bytes(i));
  }
}

warehouse::Parameter Text(std::string name, std::string value) {
  return {std::move(name), {schema::TypeKind::kString, {}}, schema::Value(std::move(value))};
}

void AddSuspect(const std::string& id, std::vector<std::string>& suspects) {
  if (suspects.size() < kSuspectsMax) suspects.push_back(id);
}

// Which messages a function's table and dead letters hold.
struct Places {
  std::set<std::string> stored;
  std::set<std::string> dead;
  std::set<std::string> twice;  // with a row that is there twice
};

absl::StatusOr<Places> FindPlaces(warehouse::Warehouse& warehouse, const Settings& settings,
                                  const std::string& first_id) {
  Places places;
  if (!settings.table.table.empty()) {
    AFLUENTE_ASSIGN_OR_RETURN(
        places.stored,
        ReadIds(warehouse,
                absl::StrCat("SELECT DISTINCT _message_id FROM ", Quoted(settings.table),
                             " WHERE _message_id >= @first OR LENGTH(_message_id) > "
                             "LENGTH(@first)"),
                {Text("first", first_id)}));
    AFLUENTE_ASSIGN_OR_RETURN(
        places.twice,
        ReadIds(warehouse,
                absl::StrCat("SELECT _message_id FROM ", Quoted(settings.table),
                             " WHERE _message_id IS NOT NULL GROUP BY _message_id HAVING "
                             "COUNT(*) > MAX(_message_row) + 1 LIMIT ",
                             kSuspectsMax),
                {}));
  }
  auto dead =
      ReadIds(warehouse,
              absl::StrCat("SELECT DISTINCT message_id FROM ", Quoted(settings.dead_letter_table),
                           " WHERE `function` = @name AND state <> 'retried'"),
              {Text("name", settings.name)});
  // The table comes with the first dead letter.
  if (dead.ok()) places.dead = *std::move(dead);
  return places;
}

}  // namespace

Balance BalanceOf(const std::string& function, const State& state,
                  const warehouse::FunctionAccount& account) {
  const warehouse::OutcomeCounters& counters = account.record.counters;
  Balance balance;
  balance.function = function;
  balance.published = state.audited_published + state.backfilled;
  balance.dropped = counters.dropped;
  balance.dropped_by_operator = state.dropped_by_operator;
  balance.dead_lettered = counters.dead_lettered;
  balance.rows = counters.rows;
  balance.stored = account.messages_in_table + counters.removed + counters.self_stored;
  balance.messages_doubled = account.messages_doubled;
  if (state.removed) balance.standing = Balance::Standing::kRemoved;
  return balance;
}

absl::StatusOr<Balance> Function::Check() {
  std::unique_ptr<broker::TopicReader> reader;
  {
    absl::MutexLock lock(&step_mutex_);
    broker::TopicPosition from = state_.position;
    from.sequence = state_.audited_sequence;
    AFLUENTE_ASSIGN_OR_RETURN(reader, topics_.OpenReader(settings_.topic, from));
  }
  // The state, the counters and the table of one moment, not before the reader was opened; the
  // journal only grows.
  AFLUENTE_ASSIGN_OR_RETURN(const warehouse::FunctionAccount account,
                            warehouse_.Account(settings_.name, settings_.table));
  AFLUENTE_ASSIGN_OR_RETURN(const State state, State::Decode(account.record.state));
  if (state.position.incarnation != reader->position_at(0).incarnation) return Check();
  Balance balance = BalanceOf(settings_.name, state, account);
  const uint64_t last = reader->last_sequence();
  uint64_t before = state.audited_sequence;
  uint64_t gap = 0;
  AFLUENTE_RETURN_IF_ERROR(
      Walk(*reader, state.audited_sequence, last, [&](const event::Message& message) {
        if (message.sequence != before + 1 && gap == 0) gap = before + 1;
        before = message.sequence;
        if (!settings_.filter.Matches(message.attributes)) return;
        ++balance.published;
        balance.pending += message.sequence > state.position.sequence ||
                           state.waiting.Find(message.sequence) != nullptr;
      }));
  if (gap > 0) {
    return absl::DataLossError(
        absl::StrCat("function ", settings_.name, ": message ", gap, " of ", settings_.topic,
                     " is not in the journal, which keeps it for this function"));
  }
  // Those that wait where the audit has been already.
  for (const auto& [sequence, entry] : state.waiting.entries()) {
    if (sequence > state.audited_sequence) break;
    AFLUENTE_RETURN_IF_ERROR(ReadOne(*reader, sequence).status());
    ++balance.pending;
  }
  // Without names the numbers stand all the same.
  if (!balance.balanced()) FindSuspects(state, *reader, balance).IgnoreError();
  return balance;
}

absl::Status Function::FindSuspects(const State& state, broker::TopicReader& reader,
                                    Balance& balance) const {
  const uint64_t last = reader.last_sequence();
  uint64_t after = reader.first_sequence() - 1;
  if (last > kSearchedMax) after = std::max(after, last - kSearchedMax);
  if (after >= last) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(const auto first, ReadOne(reader, after + 1));
  AFLUENTE_ASSIGN_OR_RETURN(Places places, FindPlaces(warehouse_, settings_, first->message_id));
  AFLUENTE_RETURN_IF_ERROR(Walk(reader, after, last, [&](const event::Message& message) {
    const bool decided = message.sequence <= state.position.sequence &&
                         state.waiting.Find(message.sequence) == nullptr;
    const std::string& id = message.message_id;
    const bool stored = places.stored.erase(id) > 0;
    const bool dead = places.dead.contains(id);
    if (!settings_.filter.Matches(message.attributes)) {
      if (stored) AddSuspect(id, balance.doubled);
      return;
    }
    if (decided && !stored && !dead) AddSuspect(id, balance.missing);
    if ((stored && dead) || (!decided && stored)) AddSuspect(id, balance.doubled);
  }));
  for (const std::string& id : places.twice) AddSuspect(id, balance.doubled);
  // Nobody published these.
  for (const std::string& id : places.stored) {
    if (id.starts_with("file-")) continue;
    AddSuspect(id, balance.doubled);
  }
  return absl::OkStatus();
}

}  // namespace afluente::function
