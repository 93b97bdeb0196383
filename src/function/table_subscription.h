#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"
#include "function/message_row.h"
#include "warehouse/catalog.h"
#include "warehouse/warehouse.h"

namespace afluente::host {
class WorkerPool;
}  // namespace afluente::host

namespace afluente::function {

// Writes one BigQuery subscription's messages into its table and acks them. The rows and the set of
// messages that are stored but not yet known to be acked commit together, so a redelivery after a
// crash stores nothing twice. Owned by TableSubscriptions; works on its pool, one batch at a time.
class TableSubscription : public std::enable_shared_from_this<TableSubscription> {
 public:
  struct Parts {
    broker::Subscriptions& subscriptions;
    warehouse::Warehouse& warehouse;
    const warehouse::CatalogView& catalog;
    host::WorkerPool& workers;
  };

  // `settings.bigquery` is set. `topic_json` as MessageRow's.
  static absl::StatusOr<std::shared_ptr<TableSubscription>> Create(
      const Parts& parts, broker::SubscriptionSettings settings, TopicJson topic_json);

  // Whether the table takes the subscription's messages: NOT_FOUND, FAILED_PRECONDITION or
  // INVALID_ARGUMENT.
  static absl::Status Check(const warehouse::CatalogView& catalog,
                            const broker::SubscriptionSettings& settings, TopicJson& topic_json);

  void Start();
  // The batch at hand is finished; then nothing of it runs any more. Blocks.
  void Stop();

  broker::BigqueryState state() const { return state_.load(std::memory_order_relaxed); }

  // The name under which the warehouse keeps what is stored.
  static std::string StateName(std::string_view subscription);

 private:
  using Batch = std::vector<broker::Delivered>;
  using Messages = std::vector<const broker::Delivered*>;

  struct Outcomes {
    Messages done;  // stored, now or before
    Messages failed;
  };

  TableSubscription(const Parts& parts, broker::SubscriptionSettings settings,
                    warehouse::TableName table, TopicJson topic_json);

  absl::Status LoadStored();
  void Ask();
  void Receive(absl::StatusOr<Batch> received);
  // One batch: rows, commit, acks. UNAVAILABLE and the like when nothing of it could be written.
  absl::Status Work(const Batch& batch);
  // Makes row_ when there is none, or the table has changed since; keeps state_.
  absl::Status RefreshRow();
  // Commits rows[i], of messages[i]. What the warehouse refuses for what it holds has failed.
  absl::Status Commit(const Messages& messages, std::vector<warehouse::StoredRow> rows,
                      Outcomes& outcomes);
  void Acknowledge(const Messages& messages);
  void GiveBack(const Messages& failed);
  // Not the messages' fault: all come back later, without a failed attempt.
  void Postpone(const Batch& batch, const absl::Status& status);
  bool IsStored(const event::Message& message) const;
  std::string EncodeStored(const Messages& added) const;
  void Note(const absl::Status& trouble);
  void Finished();

  const Parts parts_;
  const broker::SubscriptionSettings settings_;
  const warehouse::TableName table_;
  TopicJson topic_json_;
  std::unique_ptr<broker::Consumer> consumer_;

  // Used by the worker at hand alone.
  std::vector<schema::Column> columns_;  // that row_ was made for
  std::unique_ptr<MessageRow> row_;
  absl::flat_hash_map<uint64_t, int> failures_;  // by sequence, in this process
  std::string last_trouble_;
  std::atomic<broker::BigqueryState> state_{broker::BigqueryState::kActive};
  std::chrono::seconds postponed_{0};

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;  // a batch is asked for or at hand
  // Stored, and not known to be acked: sequences of the topic's incarnation `stored_of_`.
  std::string stored_of_ ABSL_GUARDED_BY(mutex_);
  absl::btree_set<uint64_t> stored_ ABSL_GUARDED_BY(mutex_);
};

// "project.dataset.table". INVALID_ARGUMENT otherwise.
absl::StatusOr<warehouse::TableName> ParseTableName(std::string_view text);

}  // namespace afluente::function
