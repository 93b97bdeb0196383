#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "warehouse/warehouse.h"

namespace afluente::function {

// A warehouse that remembers what was committed. For tests; thread-safe.
class MemoryWarehouse final : public warehouse::Warehouse {
 public:
  absl::Status Append(const warehouse::FunctionCommit& commit) override {
    absl::MutexLock lock(&mutex_);
    if (refusals_ > 0) {
      --refusals_;
      return absl::UnavailableError("the disk refuses");
    }
    for (const auto& row : commit.rows) {
      if (poison_ && row.values.at(0) == *poison_)
        return absl::InvalidArgumentError("a value that the table does not take");
    }
    for (const auto& row : commit.rows) rows_.push_back(row);
    for (const auto& letter : commit.dead_letters) dead_letters_.push_back(letter);
    for (const auto& entry : commit.outbox) outbox_.push_back(entry);
    warehouse::FunctionRecord& record = records_[commit.function];
    if (!commit.previous_name.empty()) {
      record = std::move(records_[commit.previous_name]);
      records_.erase(commit.previous_name);
    }
    record.function = commit.function;
    if (commit.state) record.state = *commit.state;
    if (committed_) committed_();
    record.counters.stored += commit.counters.stored;
    record.counters.dropped += commit.counters.dropped;
    record.counters.dead_lettered += commit.counters.dead_lettered;
    record.counters.self_stored += commit.counters.self_stored;
    record.counters.rows += commit.counters.rows;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<warehouse::FunctionRecord>> Functions() const override {
    absl::MutexLock lock(&mutex_);
    std::vector<warehouse::FunctionRecord> records;
    for (const auto& [name, record] : records_) records.push_back(record);
    return records;
  }
  absl::StatusOr<warehouse::FunctionAccount> Account(const std::string& function,
                                                     const warehouse::TableName&) const override {
    absl::MutexLock lock(&mutex_);
    warehouse::FunctionAccount account;
    if (records_.contains(function)) account.record = records_.at(function);
    std::map<std::string, std::pair<int64_t, int64_t>> ids;  // rows, and their numbers
    for (const auto& row : rows_) {
      auto& [rows, numbers] = ids[row.message_id];
      ++rows;
      numbers = std::max(numbers, row.message_row + 1);
    }
    account.messages_in_table = ids.size();
    for (const auto& [id, counts] : ids) account.messages_doubled += counts.first > counts.second;
    return account;
  }
  absl::StatusOr<std::unique_ptr<warehouse::ResultStream>> Query(
      const warehouse::Statement&, const std::vector<warehouse::Parameter>&,
      const warehouse::QueryLimits&) override {
    return absl::UnimplementedError("not used here");
  }
  absl::StatusOr<warehouse::StatementFacts> Describe(
      const warehouse::Statement&, const std::vector<warehouse::Parameter>&) override {
    return absl::UnimplementedError("not used here");
  }
  absl::StatusOr<std::vector<warehouse::TableVersion>> Versions(
      const std::vector<warehouse::TableName>&) const override {
    return absl::UnimplementedError("not used here");
  }
  absl::StatusOr<std::vector<warehouse::OutboxEntry>> Outbox(size_t) const override {
    absl::MutexLock lock(&mutex_);
    return outbox_;
  }
  absl::Status RemoveFromOutbox(const std::vector<std::string>&) override {
    return absl::OkStatus();
  }

  void Refuse(int times) {
    absl::MutexLock lock(&mutex_);
    refusals_ = times;
  }
  // Called in each commit.
  void OnCommit(std::function<void()> committed) {
    absl::MutexLock lock(&mutex_);
    committed_ = std::move(committed);
  }
  // Commits with a row that begins with `value` are refused.
  void Poison(schema::Value value) {
    absl::MutexLock lock(&mutex_);
    poison_ = std::move(value);
  }
  void DamageTable(const std::function<void(std::vector<warehouse::StoredRow>&)>& damage) {
    absl::MutexLock lock(&mutex_);
    damage(rows_);
  }
  void DamageRecord(const std::string& function,
                    const std::function<void(warehouse::FunctionRecord&)>& damage) {
    absl::MutexLock lock(&mutex_);
    damage(records_.at(function));
  }
  std::vector<std::string> RowIds() const {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> ids;
    for (const auto& row : rows_) ids.push_back(row.message_id);
    return ids;
  }
  std::vector<warehouse::DeadLetter> dead_letters() const {
    absl::MutexLock lock(&mutex_);
    return dead_letters_;
  }

 private:
  mutable absl::Mutex mutex_;
  int refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  std::function<void()> committed_ ABSL_GUARDED_BY(mutex_);
  std::optional<schema::Value> poison_ ABSL_GUARDED_BY(mutex_);
  std::vector<warehouse::StoredRow> rows_ ABSL_GUARDED_BY(mutex_);
  std::vector<warehouse::DeadLetter> dead_letters_ ABSL_GUARDED_BY(mutex_);
  std::vector<warehouse::OutboxEntry> outbox_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, warehouse::FunctionRecord> records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::function
