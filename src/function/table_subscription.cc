#include "function/table_subscription.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/check.h"
#include "host/worker_pool.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

constexpr size_t kMessagesMax = 8192;
constexpr size_t kBytesMax = 8 << 20;
constexpr int kBackoffSecondsMax = 600;
constexpr size_t kFailuresMax = 100'000;
// A message id is the topic's incarnation and then so many digits of its sequence.
constexpr size_t kSequenceDigits = 14;

std::string_view IncarnationOf(const event::Message& message) {
  const std::string_view id = message.message_id;
  return id.substr(0, id.size() - std::min(id.size(), kSequenceDigits));
}

// The same row again fails the same way: the message's fault, not the moment's.
bool IsMessagesFault(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsOutOfRange(status);
}

absl::StatusOr<std::vector<schema::Column>> WritableColumns(const warehouse::CatalogView& catalog,
                                                            const warehouse::TableName& name) {
  std::optional<warehouse::TableSchema> table = catalog.FindTable(name);
  if (!table) return absl::NotFoundError(absl::StrCat("Not found: Table ", name.ToString()));
  if (table->function_fed) {
    return absl::FailedPreconditionError(
        absl::StrCat("Table ", name.ToString(), " is fed by a function."));
  }
  return std::move(table->columns);
}

TopicJson* TopicJsonOf(const broker::SubscriptionSettings& settings, TopicJson& topic_json) {
  return settings.bigquery->use_topic_schema ? &topic_json : nullptr;
}

}  // namespace

absl::StatusOr<warehouse::TableName> ParseTableName(std::string_view text) {
  // A project may hold dots and a colon (domain-scoped ones): the last two parts are ours.
  std::vector<std::string> parts = absl::StrSplit(std::string(text), '.');
  if (parts.size() < 3 || std::find(parts.begin(), parts.end(), "") != parts.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Invalid table: ", std::string(text), ", expected {projectId}.{datasetId}.{tableId}."));
  }
  warehouse::TableName name;
  name.table = std::move(parts.back());
  parts.pop_back();
  name.dataset = std::move(parts.back());
  parts.pop_back();
  name.project = absl::StrJoin(parts, ".");
  return name;
}

TableSubscription::TableSubscription(const Parts& parts, broker::SubscriptionSettings settings,
                                     warehouse::TableName table, TopicJson topic_json)
    : parts_(parts),
      settings_(std::move(settings)),
      table_(std::move(table)),
      topic_json_(std::move(topic_json)) {}

absl::StatusOr<std::shared_ptr<TableSubscription>> TableSubscription::Create(
    const Parts& parts, broker::SubscriptionSettings settings, TopicJson topic_json) {
  AFLUENTE_CHECK(settings.bigquery.has_value());
  AFLUENTE_ASSIGN_OR_RETURN(warehouse::TableName table, ParseTableName(settings.bigquery->table));
  std::shared_ptr<TableSubscription> made(
      new TableSubscription(parts, std::move(settings), std::move(table), std::move(topic_json)));
  AFLUENTE_RETURN_IF_ERROR(made->LoadStored());
  AFLUENTE_ASSIGN_OR_RETURN(made->consumer_,
                            parts.subscriptions.OpenConsumer(made->settings_.name, {}));
  return made;
}

std::string TableSubscription::StateName(std::string_view subscription) {
  return absl::StrCat("subscription:", std::string(subscription));
}

absl::Status TableSubscription::LoadStored() {
  AFLUENTE_ASSIGN_OR_RETURN(auto records, parts_.warehouse.Functions());
  const std::string name = StateName(settings_.name);
  auto it = std::find_if(records.begin(), records.end(),
                         [&](const auto& record) { return record.function == name; });
  if (it == records.end()) return absl::OkStatus();
  const auto json = nlohmann::json::parse(it->state, nullptr, /*allow_exceptions=*/false);
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat("the stored state of ", name, " is not readable"));
  if (!json.is_object() || json.value("version", 0) != 1 || !json.contains("incarnation") ||
      !json["incarnation"].is_string() || !json.contains("stored") || !json["stored"].is_array())
    return damaged;
  absl::MutexLock lock(&mutex_);
  stored_of_ = json["incarnation"].get<std::string>();
  for (const auto& range : json["stored"]) {
    if (!range.is_array() || range.size() != 2 || !range[0].is_number_unsigned() ||
        !range[1].is_number_unsigned())
      return damaged;
    const auto last = range[1].get<uint64_t>();
    for (auto sequence = range[0].get<uint64_t>(); sequence <= last; ++sequence)
      stored_.insert(sequence);
  }
  return absl::OkStatus();
}

void TableSubscription::Start() {
  {
    absl::MutexLock lock(&mutex_);
    AFLUENTE_CHECK(!busy_);
    busy_ = true;
  }
  Ask();
}

void TableSubscription::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  consumer_->Close();
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](TableSubscription* self) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !self->busy_; }, this));
}

void TableSubscription::Finished() {
  absl::MutexLock lock(&mutex_);
  busy_ = false;
}

void TableSubscription::Ask() {
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      busy_ = false;
      return;
    }
  }
  consumer_->Next(kMessagesMax, kBytesMax,
                  [self = shared_from_this()](absl::StatusOr<Batch> received) {
                    self->Receive(std::move(received));
                  });
}

void TableSubscription::Receive(absl::StatusOr<Batch> received) {
  if (!received.ok()) {
    // Closed, deleted or detached: whoever owns this starts it anew when that changes.
    if (!absl::IsCancelled(received.status())) Note(received.status());
    return Finished();
  }
  auto work = [self = shared_from_this(), batch = *std::move(received)] {
    absl::Status status = self->Work(batch);
    if (!status.ok()) {
      self->Postpone(batch, status);
      self->Ask();
    }
  };
  // Each subscription has at most one batch in the queue, which holds as many.
  AFLUENTE_CHECK(parts_.workers.Submit(std::move(work)));
}

absl::Status TableSubscription::Check(const warehouse::CatalogView& catalog,
                                      const broker::SubscriptionSettings& settings,
                                      TopicJson& topic_json) {
  AFLUENTE_ASSIGN_OR_RETURN(warehouse::TableName name, ParseTableName(settings.bigquery->table));
  AFLUENTE_ASSIGN_OR_RETURN(auto columns, WritableColumns(catalog, name));
  return MessageRow::Create(*settings.bigquery, settings.name, columns,
                            TopicJsonOf(settings, topic_json))
      .status();
}

absl::Status TableSubscription::RefreshRow() {
  auto columns = WritableColumns(parts_.catalog, table_);
  if (!columns.ok()) {
    row_ = nullptr;
    state_ = absl::IsNotFound(columns.status()) ? broker::BigqueryState::kNotFound
                                                : broker::BigqueryState::kPermissionDenied;
    return columns.status();
  }
  if (row_ != nullptr && *columns == columns_) return absl::OkStatus();
  auto row = MessageRow::Create(*settings_.bigquery, settings_.name, *columns,
                                TopicJsonOf(settings_, topic_json_));
  state_ = row.ok() ? broker::BigqueryState::kActive : broker::BigqueryState::kSchemaMismatch;
  AFLUENTE_ASSIGN_OR_RETURN(row_, std::move(row));
  columns_ = *std::move(columns);
  return absl::OkStatus();
}

bool TableSubscription::IsStored(const event::Message& message) const {
  absl::MutexLock lock(&mutex_);
  return stored_of_ == IncarnationOf(message) && stored_.contains(message.sequence);
}

absl::Status TableSubscription::Work(const Batch& batch) {
  AFLUENTE_RETURN_IF_ERROR(RefreshRow());
  Outcomes outcomes;
  Messages fresh;
  std::vector<warehouse::StoredRow> rows;
  for (const broker::Delivered& each : batch) {
    // Committed before, but its ack was lost: a crash in between, or a lease that ran out.
    if (IsStored(*each.message)) {
      outcomes.done.push_back(&each);
      continue;
    }
    auto values = row_->Make(*each.message);
    if (!values.ok()) {
      Note(values.status());
      outcomes.failed.push_back(&each);
      continue;
    }
    fresh.push_back(&each);
    rows.push_back({each.message->message_id, 0, *std::move(values)});
  }
  AFLUENTE_RETURN_IF_ERROR(Commit(fresh, std::move(rows), outcomes));
  postponed_ = std::chrono::seconds(0);
  GiveBack(outcomes.failed);
  Acknowledge(outcomes.done);
  return absl::OkStatus();
}

absl::Status TableSubscription::Commit(const Messages& messages,
                                       std::vector<warehouse::StoredRow> rows, Outcomes& outcomes) {
  if (messages.empty()) return absl::OkStatus();
  warehouse::FunctionCommit commit;
  commit.function = StateName(settings_.name);
  commit.table = table_;
  commit.counters.stored = static_cast<int64_t>(messages.size());
  commit.counters.rows = static_cast<int64_t>(rows.size());
  commit.state = EncodeStored(messages);
  const bool alone = messages.size() == 1;
  std::vector<warehouse::StoredRow> kept;
  if (!alone) kept = rows;
  commit.rows = std::move(rows);
  absl::Status status = parts_.warehouse.Append(std::move(commit));
  if (status.ok()) {
    absl::MutexLock lock(&mutex_);
    std::string_view incarnation = IncarnationOf(*messages.front()->message);
    if (stored_of_ != incarnation) {
      stored_of_ = incarnation;
      stored_.clear();
    }
    for (const broker::Delivered* each : messages) stored_.insert(each->message->sequence);
    outcomes.done.insert(outcomes.done.end(), messages.begin(), messages.end());
    return status;
  }
  if (!IsMessagesFault(status)) return status;
  if (alone) {
    Note(status);
    outcomes.failed.push_back(messages.front());
    return absl::OkStatus();
  }
  // Halves, until the guilty stand alone.
  const auto middle = static_cast<ptrdiff_t>(messages.size() / 2);
  auto rows_middle = std::make_move_iterator(kept.begin() + middle);
  AFLUENTE_RETURN_IF_ERROR(Commit({messages.begin(), messages.begin() + middle},
                                  {std::make_move_iterator(kept.begin()), rows_middle}, outcomes));
  return Commit({messages.begin() + middle, messages.end()},
                {rows_middle, std::make_move_iterator(kept.end())}, outcomes);
}

std::string TableSubscription::EncodeStored(const Messages& added) const {
  absl::MutexLock lock(&mutex_);
  const std::string incarnation(IncarnationOf(*added.front()->message));
  absl::btree_set<uint64_t> stored;
  if (stored_of_ == incarnation) stored = stored_;
  for (const broker::Delivered* each : added) stored.insert(each->message->sequence);
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (uint64_t sequence : stored) {
    if (ranges.empty() || ranges.back().second + 1 != sequence)
      ranges.emplace_back(sequence, sequence);
    ranges.back().second = sequence;
  }
  return nlohmann::json{{"version", 1}, {"incarnation", incarnation}, {"stored", ranges}}.dump();
}

void TableSubscription::Acknowledge(const Messages& messages) {
  if (messages.empty()) return Ask();
  std::vector<std::string> ack_ids;
  std::map<std::string, uint64_t> sequences;
  for (const broker::Delivered* each : messages) {
    ack_ids.push_back(each->ack_id);
    sequences.emplace(each->ack_id, each->message->sequence);
    failures_.erase(each->message->sequence);
  }
  parts_.subscriptions.Acknowledge(settings_.name, std::move(ack_ids),
                                   [self = shared_from_this(), sequences = std::move(sequences)](
                                       const broker::AckAnswer& answer) mutable {
                                     // What is not acked comes again, and is known.
                                     for (const broker::AckFailure& failure : answer.failures)
                                       sequences.erase(failure.ack_id);
                                     if (answer.ok()) {
                                       absl::MutexLock lock(&self->mutex_);
                                       for (const auto& [ack_id, sequence] : sequences)
                                         self->stored_.erase(sequence);
                                     }
                                     self->Ask();
                                   });
}

void TableSubscription::GiveBack(const Messages& failed) {
  for (const broker::Delivered* each : failed) {
    std::chrono::seconds again{0};
    if (!settings_.retry_policy) {
      // The lease's end is the next attempt: twice as late each time.
      if (failures_.size() >= kFailuresMax) failures_.clear();
      int& times = failures_[each->message->sequence];
      again = std::chrono::seconds(std::min(kBackoffSecondsMax, 1 << std::min(times++, 10)));
    }
    parts_.subscriptions.ModifyAckDeadline(settings_.name, {each->ack_id}, again,
                                           [](const broker::AckAnswer&) {});
  }
}

void TableSubscription::Postpone(const Batch& batch, const absl::Status& status) {
  Note(status);
  postponed_ = std::clamp(2 * postponed_, std::chrono::seconds(1), std::chrono::seconds(60));
  std::vector<std::string> ack_ids;
  for (const broker::Delivered& each : batch) ack_ids.push_back(each.ack_id);
  parts_.subscriptions.ModifyAckDeadline(settings_.name, std::move(ack_ids), postponed_,
                                         [](const broker::AckAnswer&) {});
}

// Once a kind, or a stuck subscription would fill the log.
void TableSubscription::Note(const absl::Status& trouble) {
  std::string text = trouble.ToString();
  if (text == last_trouble_) return;
  telemetry::Log(telemetry::Severity::kWarning, "BigQuery subscription",
                 {{"subscription", settings_.name}, {"error", text}});
  last_trouble_ = std::move(text);
}

}  // namespace afluente::function
