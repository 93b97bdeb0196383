#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/controls.h"
#include "api/cursor.h"
#include "api/endpoint_options.h"
#include "http/message.h"
#include "http/path_parameters.h"
#include "spec/endpoint.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

enum class AnswerFormat;
struct Caller;

// What one request asks of an endpoint, all of it checked.
struct Question {
  AnswerFormat format;
  std::vector<warehouse::Parameter> parameters;
  std::vector<warehouse::OrderKey> order;  // empty: the statement's own
  std::vector<size_t> fields;              // empty: all columns
  std::optional<uint64_t> page_rows;
  std::optional<Position> after;
  std::string bound_to;   // what its cursors hold for
  std::string key;        // two questions with one key have one answer while the tables stay
  std::string next_link;  // the query string of the next page, without its cursor
};

// An endpoint's statement, described once: reads questions and answers them. Immutable; any thread.
class EndpointQuery {
 public:
  // INVALID_ARGUMENT, beginning with the SQL's file, when the statement is not a query over exactly
  // the declared parameters, has columns that JSON cannot tell apart, or does not fit its settings.
  static absl::StatusOr<std::unique_ptr<EndpointQuery>> Create(const spec::Endpoint& endpoint,
                                                               warehouse::Warehouse& warehouse,
                                                               const EndpointOptions& options);

  // INVALID_ARGUMENT names the parameter that is wrong.
  absl::StatusOr<Question> Read(AnswerFormat format, const Caller& caller,
                                const http::Request& request,
                                const http::PathParameters& path) const;
  // The 200 answer, neither encoded nor decorated. Blocks. TooLarge tells refusals whose words may
  // be shown.
  absl::StatusOr<http::Response> Run(const Question& question,
                                     const warehouse::QueryLimits& limits) const;
  // A few rows for the description, as a JSON array: the answer to the example values that the
  // specification gives. Blocks. NOT_FOUND where there are none, or its rows are not the same to
  // all who may ask.
  absl::StatusOr<std::string> ExampleRows(const warehouse::QueryLimits& limits) const;
  // Changes when they may; empty where that cannot be told.
  std::string ExampleTag() const;
  static bool IsTooLarge(const absl::Status& status);

  // The tag of a question's answer now; empty where none can be told.
  std::string Tag(const Question& question) const;

  absl::Status Locate(const absl::Status& status) const;
  const spec::Endpoint& endpoint() const { return endpoint_; }
  const ControlRules& rules() const { return rules_; }
  const std::vector<warehouse::TableName>& tables_read() const { return facts_.tables_read; }
  uint64_t rows_max() const { return rows_max_; }
  bool deterministic() const { return facts_.deterministic; }
  // Its SQL reads who asks, so that two callers' answers may differ.
  bool ReadsCaller() const { return reads_caller_; }
  bool InPath(const std::string& name) const { return path_names_.contains(name); }

 private:
  EndpointQuery(const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
                const EndpointOptions& options);
  absl::Status Describe();
  absl::Status DescribeOrder();
  absl::Status DescribePage(const std::vector<warehouse::Parameter>& parameters);
  absl::Status CheckParameters(const std::vector<std::string>& used) const;
  absl::StatusOr<std::vector<warehouse::Parameter>> ExampleParameters() const;
  absl::Status ReadCursor(const Controls& controls, Question& question) const;
  absl::StatusOr<std::unique_ptr<warehouse::ResultStream>> Start(
      const Question& question, const warehouse::QueryLimits& limits) const;
  void ReadPath();

  const spec::Endpoint endpoint_;
  const EndpointOptions options_;
  warehouse::Warehouse& warehouse_;
  const uint64_t rows_max_;
  const std::string id_;  // of the path and the statement
  std::set<std::string> path_names_;
  warehouse::StatementFacts facts_;
  bool reads_caller_ = false;
  ControlRules rules_;
  std::vector<warehouse::OrderKey> order_;  // without ?order_by=
  bool own_order_ = false;                  // the statement has an ORDER BY
};

}  // namespace afluente::api
