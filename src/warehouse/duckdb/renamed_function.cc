#include "warehouse/duckdb/renamed_function.h"

#include <memory>
#include <string>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/logical_type.h"

namespace afluente::warehouse::duckdb {
namespace {

OutcomeCounters Negative(const OutcomeCounters& counters) {
  return {-counters.stored,      -counters.dropped, -counters.dead_lettered,
          -counters.self_stored, -counters.removed, -counters.rows};
}

}  // namespace

absl::Status TakeOverFunction(WriteTransaction& transaction, const FunctionCommit& commit) {
  const OutcomeCounters counters = transaction.CountersOf(commit.previous_name);
  transaction.RecordFunction(commit.previous_name, Negative(counters), std::string());
  transaction.RecordFunction(commit.function, counters, std::nullopt);
  const std::shared_ptr<const TableEntry> fed = transaction.catalog().Find(commit.table);
  if (fed != nullptr && fed->fed_by == commit.previous_name) {
    AFLUENTE_RETURN_IF_ERROR(transaction.PutTable({fed->schema, commit.function, false, {}}));
  }
  if (transaction.catalog().Find(commit.dead_letter_table) == nullptr) return absl::OkStatus();
  Arguments arguments;
  arguments.push_back(TextArgument(commit.function));
  arguments.push_back(TextArgument(commit.previous_name));
  transaction.Touch(commit.dead_letter_table);
  return transaction.session().Execute(
      schema::Concat("UPDATE ", TableSql(commit.dead_letter_table),
                     " SET \"function\" = $1 WHERE \"function\" = $2"),
      arguments);
}

}  // namespace afluente::warehouse::duckdb
