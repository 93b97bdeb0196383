#include "warehouse/duckdb/replaced_messages.h"

#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

absl::StatusOr<ValueHandle> IdList(const std::vector<std::string>& ids) {
  schema::Type list;
  list.kind = schema::TypeKind::kArray;
  list.fields = {{"", {schema::TypeKind::kString, {}}}};
  schema::Value::List values;
  for (const std::string& id : ids) values.emplace_back(id);
  return ToDuckdbValue(list, schema::Value(std::move(values)));
}

absl::StatusOr<Arguments> IdArguments(const FunctionCommit& commit) {
  Arguments arguments;
  AFLUENTE_ASSIGN_OR_RETURN(ValueHandle list, IdList(commit.replaced));
  arguments.push_back(std::move(list));
  return arguments;
}

// Messages that left the table, and rows.
absl::StatusOr<std::pair<int64_t, int64_t>> DeleteRows(WriteTransaction& transaction,
                                                       const FunctionCommit& commit) {
  if (commit.table.table.empty() || transaction.catalog().Find(commit.table) == nullptr) {
    return std::pair<int64_t, int64_t>();
  }
  const std::string where =
      schema::Concat(" FROM ", TableSql(commit.table), " WHERE _message_id IN (SELECT unnest($1))");
  AFLUENTE_ASSIGN_OR_RETURN(const Arguments arguments, IdArguments(commit));
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch counted,
      transaction.session().Read(
          schema::Concat("SELECT count(DISTINCT _message_id), count(*)", where), arguments));
  const std::pair<int64_t, int64_t> found(counted.columns[0].ints[0], counted.columns[1].ints[0]);
  if (found.second == 0) return found;
  AFLUENTE_RETURN_IF_ERROR(
      transaction.session().Execute(schema::Concat("DELETE", where), arguments));
  transaction.Touch(commit.table);
  return found;
}

absl::StatusOr<int64_t> MarkRetried(WriteTransaction& transaction, const FunctionCommit& commit) {
  const TableName& name = commit.dead_letter_table;
  if (transaction.catalog().Find(name) == nullptr) return 0;
  const char* const where =
      " WHERE \"function\" = $2 AND state <> 'retried' AND message_id IN (SELECT unnest($1))";
  AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments, IdArguments(commit));
  arguments.push_back(TextArgument(commit.function));
  AFLUENTE_ASSIGN_OR_RETURN(
      const ColumnBatch counted,
      transaction.session().Read(
          schema::Concat("SELECT count(DISTINCT message_id) FROM ", TableSql(name), where),
          arguments));
  const int64_t dead = counted.columns[0].ints[0];
  if (dead == 0) return 0;
  AFLUENTE_RETURN_IF_ERROR(transaction.session().Execute(
      schema::Concat("UPDATE ", TableSql(name), " SET state = 'retried'", where), arguments));
  transaction.Touch(name);
  return dead;
}

}  // namespace

absl::StatusOr<OutcomeCounters> TakeBackReplaced(WriteTransaction& transaction,
                                                 const FunctionCommit& commit) {
  OutcomeCounters change;
  if (commit.replaced.empty()) return change;
  AFLUENTE_ASSIGN_OR_RETURN(const auto deleted, DeleteRows(transaction, commit));
  if (commit.beside) return change;
  AFLUENTE_ASSIGN_OR_RETURN(const int64_t dead, MarkRetried(transaction, commit));
  change.stored = -deleted.first;
  change.rows = -deleted.second;
  change.dead_lettered = -dead;
  int64_t rest = static_cast<int64_t>(commit.replaced.size()) - deleted.first - dead;
  const OutcomeCounters current = transaction.CountersOf(commit.function);
  for (const auto counter :
       {&OutcomeCounters::dropped, &OutcomeCounters::self_stored, &OutcomeCounters::removed}) {
    const int64_t taken = std::clamp<int64_t>(rest, 0, current.*counter);
    change.*counter -= taken;
    rest -= taken;
  }
  return change;
}

}  // namespace afluente::warehouse::duckdb
