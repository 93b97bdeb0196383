#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::bigquery {

// What every query of this process carries.
struct JobOptions {
  std::string project;   // where the jobs run and are billed
  std::string location;  // empty: BigQuery finds it from the datasets
  std::optional<int64_t> maximum_bytes_billed;
  std::map<std::string, std::string> labels;
  bool use_query_cache = true;
  int64_t page_rows = 10'000;
  std::chrono::milliseconds longest{600'000};  // of a query whose caller set no limit
};

// A query of BigQuery's, run by jobs.query and read page by page. Ends the job when it is given up
// before it is done. One thread at a time.
class QueryJob final : public ResultStream {
 public:
  // Runs the statement and waits for its first page. Sent again with the same request id, a query
  // runs once. Errors as of Warehouse::Query. Blocks.
  static absl::StatusOr<std::unique_ptr<QueryJob>> Run(RestClient& rest, const JobOptions& options,
                                                       const Statement& statement,
                                                       const std::vector<Parameter>& parameters,
                                                       const QueryLimits& limits);

  const std::vector<schema::Column>& columns() const override { return columns_; }
  absl::StatusOr<ColumnBatch> Next() override;
  std::optional<int64_t> affected_rows() const override { return affected_rows_; }

 private:
  QueryJob(RestClient& rest, const JobOptions& options, const QueryLimits& limits);
  absl::Status Wait(nlohmann::json answer);
  absl::Status TakePage(nlohmann::json answer);
  // jobs.getQueryResults: `token` of the page, or empty to wait for the first.
  absl::StatusOr<nlohmann::json> GetResults(const std::string& token);
  void Cancel();

  RestClient& rest_;
  const JobOptions& options_;
  const CallLimits limits_;
  std::optional<uint64_t> rows_left_;
  std::string job_id_;
  std::string location_;
  std::vector<schema::Column> columns_;
  std::optional<int64_t> affected_rows_;
  std::optional<ColumnBatch> page_;
  std::string next_page_;
};

// The part of a query that jobs.query and a dry run share.
nlohmann::json QueryText(const JobOptions& options, const Statement& statement,
                         const std::vector<Parameter>& parameters);

}  // namespace afluente::warehouse::bigquery
