#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/bigquery/query_job.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/bigquery/storage_writer.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::bigquery {

class BigqueryCatalog;

// The warehouse on Google Cloud: statements are BigQuery's jobs, rows go through the Storage Write
// API as upserts by message, so a message that comes again changes nothing. Keeps no function's
// state, since Pub/Sub keeps what is undecided there. Outlived by its parts. Thread-safe.
class BigqueryWarehouse final : public Warehouse {
 public:
  BigqueryWarehouse(RestClient& rest, BigqueryCatalog& catalog, StorageWriter& writer,
                    JobOptions options);

  // Rows first, then dead letters: each is stored once however often this is called, but they are
  // not one transaction. UNIMPLEMENTED for a state, an outbox or messages to replace.
  absl::Status Append(const FunctionCommit& commit) override;
  absl::StatusOr<std::unique_ptr<ResultStream>> Query(const Statement& statement,
                                                      const std::vector<Parameter>& parameters,
                                                      const QueryLimits& limits) override;
  absl::StatusOr<StatementFacts> Describe(const Statement& statement,
                                          const std::vector<Parameter>& parameters) override;
  // UNIMPLEMENTED: what streams in changes a table without changing any version that BigQuery
  // tells.
  absl::StatusOr<std::vector<TableVersion>> Versions(
      const std::vector<TableName>& tables) const override;
  absl::StatusOr<std::vector<FunctionRecord>> Functions() const override;
  // The function's counters are its metrics alone: the record is empty.
  absl::StatusOr<FunctionAccount> Account(const std::string& function,
                                          const TableName& table) const override;
  absl::StatusOr<std::vector<OutboxEntry>> Outbox(size_t max) const override;
  absl::Status RemoveFromOutbox(const std::vector<std::string>& keys) override;

 private:
  absl::Status WriteRows(const FunctionCommit& commit, host::MonotonicTime deadline);
  absl::Status WriteDeadLetters(const FunctionCommit& commit, host::MonotonicTime deadline);

  RestClient& rest_;
  BigqueryCatalog& catalog_;
  StorageWriter& writer_;
  const JobOptions options_;
};

}  // namespace afluente::warehouse::bigquery
