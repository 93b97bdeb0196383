#include "warehouse/bigquery/bigquery_warehouse.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/attributes_json.h"
#include "warehouse/bigquery/bigquery_catalog.h"
#include "warehouse/bigquery/json_member.h"
#include "warehouse/bigquery/table_resource.h"
#include "warehouse/dead_letter_table.h"
#include "warehouse/googlesql/lexer.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::bigquery {
namespace {

using nlohmann::json;
using schema::Concat;
using schema::Value;

constexpr std::chrono::seconds kWriteLimit{60};
constexpr std::chrono::seconds kDryRunLimit{30};

int64_t Micros(host::WallTime time) { return time.time_since_epoch().count(); }

std::vector<Value> DeadLetterRow(const DeadLetter& letter, const std::string& function) {
  const event::Message& message = letter.message;
  std::vector<Value> row;
  row.reserve(11);
  row.emplace_back(message.message_id);
  row.emplace_back(letter.topic);
  row.emplace_back(function);
  row.emplace_back(Micros(message.publish_time));
  row.emplace_back(message.data);
  row.emplace_back(AttributesJson(message.attributes));
  row.emplace_back();
  if (!message.ordering_key.empty()) row.back().data = message.ordering_key;
  row.emplace_back(letter.error);
  row.emplace_back(letter.attempts);
  row.emplace_back(Micros(letter.failed_at));
  row.emplace_back(std::string("dead"));
  return row;
}

// Every @parameter of the text, each once, in order of first use.
std::vector<std::string> ParametersOf(const std::string& text) {
  std::vector<std::string> names;
  for (const googlesql::Token& token : googlesql::Tokenize(text)) {
    if (token.kind != googlesql::TokenKind::kParameter) continue;
    const auto same = [&](const std::string& name) {
      return schema::EqualsIgnoreCase(name, token.text);
    };
    if (std::none_of(names.begin(), names.end(), same)) names.push_back(token.text);
  }
  return names;
}

// What BigQuery's dry run does not tell is read off the text by our own translator; where that does
// not know the syntax, the safe answer stands: not deterministic, in no known order.
void AddWhatTheTextTells(const Statement& statement, const std::vector<Parameter>& parameters,
                         const CatalogView& catalog, StatementFacts& facts) {
  googlesql::TranslateOptions options;
  options.default_project = statement.default_project;
  options.default_dataset = statement.default_dataset;
  for (const Parameter& parameter : parameters) {
    options.parameter_types.push_back({parameter.name, parameter.type});
  }
  const auto translation = googlesql::Translate(statement.text, catalog, options);
  facts.deterministic = translation.ok() && translation->deterministic;
  if (!translation.ok() || !translation->order_is_of_columns) {
    facts.order.reset();
    return;
  }
  for (const googlesql::ResultOrder& key : translation->order) {
    facts.order->push_back({key.column, key.descending, key.nulls_first});
  }
}

}  // namespace

BigqueryWarehouse::BigqueryWarehouse(RestClient& rest, BigqueryCatalog& catalog,
                                     StorageWriter& writer, JobOptions options)
    : rest_(rest), catalog_(catalog), writer_(writer), options_(std::move(options)) {}

absl::Status BigqueryWarehouse::WriteRows(const FunctionCommit& commit,
                                          host::MonotonicTime deadline) {
  if (commit.rows.empty()) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(TableSchema table, catalog_.Load(commit.table));
  RowsToWrite rows;
  rows.table = std::move(table);
  if (!rows.table.function_fed) {
    return absl::FailedPreconditionError(
        Concat("table ", commit.table.ToString(), " has no column ", kMessageId));
  }
  for (const StoredRow& row : commit.rows) {
    std::vector<Value> values = row.values;
    values.emplace_back(row.message_id);
    values.emplace_back(row.message_row);
    if (values.size() != rows.table.columns.size()) {
      return absl::FailedPreconditionError(
          Concat("table ", commit.table.ToString(), " has other columns than the specification"));
    }
    rows.rows.push_back(std::move(values));
  }
  return writer_.Write(rows, deadline);
}

absl::Status BigqueryWarehouse::WriteDeadLetters(const FunctionCommit& commit,
                                                 host::MonotonicTime deadline) {
  if (commit.dead_letters.empty()) return absl::OkStatus();
  RowsToWrite rows;
  rows.table = DeadLetterTable(commit.dead_letter_table);
  for (const DeadLetter& letter : commit.dead_letters) {
    rows.rows.push_back(DeadLetterRow(letter, commit.function));
  }
  return writer_.Write(rows, deadline);
}

absl::Status BigqueryWarehouse::Append(const FunctionCommit& commit) {
  if (commit.state.has_value() || !commit.outbox.empty() || !commit.replaced.empty()) {
    return absl::UnimplementedError("BigQuery keeps no function's state: Pub/Sub does");
  }
  const host::MonotonicTime deadline = rest_.clock().Monotonic() + kWriteLimit;
  AFLUENTE_RETURN_IF_ERROR(WriteRows(commit, deadline));
  return WriteDeadLetters(commit, deadline);
}

absl::StatusOr<std::unique_ptr<ResultStream>> BigqueryWarehouse::Query(
    const Statement& statement, const std::vector<Parameter>& parameters,
    const QueryLimits& limits) {
  return QueryJob::Run(rest_, options_, statement, parameters, limits);
}

absl::StatusOr<StatementFacts> BigqueryWarehouse::Describe(
    const Statement& statement, const std::vector<Parameter>& parameters) {
  json configuration = {{"dryRun", true}, {"query", QueryText(options_, statement, parameters)}};
  json request = {{"configuration", std::move(configuration)}};
  if (!options_.location.empty()) {
    request["jobReference"] = {{"projectId", options_.project}, {"location", options_.location}};
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      const json answer,
      rest_.Call(
          {"POST", Concat("/bigquery/v2/projects/", options_.project, "/jobs"), request.dump()},
          {rest_.clock().Monotonic() + kDryRunLimit}));
  const json& query = Member(Member(answer, "statistics"), "query");
  StatementFacts facts;
  facts.query = Text(query, "statementType") == "SELECT";
  if (facts.query) {
    AFLUENTE_ASSIGN_OR_RETURN(facts.columns, ReadSchema(Member(query, "schema")));
  }
  for (const json& table : List(query, "referencedTables")) {
    facts.tables_read.push_back(ReadTableReference(table));
  }
  facts.parameters = ParametersOf(statement.text);
  AddWhatTheTextTells(statement, parameters, catalog_, facts);
  return facts;
}

absl::StatusOr<std::vector<TableVersion>> BigqueryWarehouse::Versions(
    const std::vector<TableName>&) const {
  return absl::UnimplementedError("BigQuery tells no exact version of a table");
}

absl::StatusOr<std::vector<FunctionRecord>> BigqueryWarehouse::Functions() const {
  return std::vector<FunctionRecord>();
}

absl::StatusOr<FunctionAccount> BigqueryWarehouse::Account(const std::string& function,
                                                           const TableName& table) const {
  FunctionAccount account;
  account.record.function = function;
  if (table.table.empty()) return account;
  const Statement statement{
      Concat("SELECT COUNT(DISTINCT ", kMessageId, ") FROM `", table.ToString(), "`"), "", ""};
  AFLUENTE_ASSIGN_OR_RETURN(auto job, QueryJob::Run(rest_, options_, statement, {}, {}));
  AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch batch, job->Next());
  if (batch.rows != 1) return absl::UnavailableError("BigQuery counted nothing");
  account.messages_in_table = batch.columns[0].ints[0];
  return account;
}

absl::StatusOr<std::vector<OutboxEntry>> BigqueryWarehouse::Outbox(size_t) const {
  return std::vector<OutboxEntry>();
}

absl::Status BigqueryWarehouse::RemoveFromOutbox(const std::vector<std::string>& keys) {
  if (keys.empty()) return absl::OkStatus();
  return absl::UnimplementedError("BigQuery keeps no outbox");
}

}  // namespace afluente::warehouse::bigquery
