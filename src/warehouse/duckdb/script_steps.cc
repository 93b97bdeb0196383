// What a script's steps do.
#include <utility>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/kept_rows.h"
#include "warehouse/duckdb/mutation.h"
#include "warehouse/duckdb/query_stream.h"
#include "warehouse/duckdb/script_machine.h"
#include "warehouse/duckdb/vector_reader.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr int kCallsMax = 50;
constexpr size_t kLoopRowsMax = 100'000;

// A refresh does nothing: a materialized view here is computed when it is read.
bool IsRefresh(const std::vector<std::string>& path) {
  return path.size() == 2 && schema::EqualsIgnoreCase(path[0], "BQ") &&
         schema::EqualsIgnoreCase(path[1], "REFRESH_MATERIALIZED_VIEW");
}

}  // namespace

using googlesql::StatementKind;

absl::Status ScriptMachine::Statement(Frame& frame, const Instruction& step) {
  if (step.statement.temporary && step.statement.kind == StatementKind::kCreateTable) {
    AFLUENTE_RETURN_IF_ERROR(EnsureTemporaryDataset());
  }
  const CatalogSnapshot& catalog = Catalog();
  AFLUENTE_ASSIGN_OR_RETURN(
      googlesql::Translation translation,
      frame.script->TranslateStatement(step, catalog, Options(frame, catalog)));
  if (translation.kind == StatementKind::kQuery) {
    const bool last = frame.at == frame.script->instructions().size() && depth_ == 0;
    return Query(frame, translation, last);
  }
  if (translation.routine && step.statement.temporary) {
    temporary_routines_.push_back(std::make_shared<Routine>(*std::move(translation.routine)));
    return absl::OkStatus();
  }
  return Mutate(frame, step);
}

absl::Status ScriptMachine::Query(Frame& frame, const googlesql::Translation& translation,
                                  bool last) {
  result_.reset();
  if (last && transaction_ == nullptr) {
    // Nothing comes after it: its rows need not be kept.
    AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                              BindParameters(Whole(frame), translation, Bindable(frame)));
    AFLUENTE_ASSIGN_OR_RETURN(result_,
                              StartQuery(engine_, translation, arguments, deadline_, limits_));
    return absl::OkStatus();
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> rows, Rows(frame, translation));
  AFLUENTE_ASSIGN_OR_RETURN(result_, KeepRows(*rows));
  return absl::OkStatus();
}

absl::Status ScriptMachine::Mutate(Frame& frame, const Instruction& step) {
  std::optional<int64_t> affected;
  auto work = [&](WriteTransaction& transaction) -> absl::Status {
    // Translated against what this transaction sees: the catalog may have changed while we waited.
    const CatalogSnapshot& catalog = transaction.catalog();
    AFLUENTE_ASSIGN_OR_RETURN(
        googlesql::Translation translation,
        frame.script->TranslateStatement(step, catalog, Options(frame, catalog)));
    AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                              BindParameters(Whole(frame), translation, Bindable(frame)));
    AFLUENTE_ASSIGN_OR_RETURN(uint64_t watch,
                              engine_.timer.Add(transaction.session().connection(), deadline_));
    auto outcome = MutateIn(transaction, translation, arguments);
    QueryTimer::Outcome ended = engine_.timer.Remove(watch);
    if (outcome.ok()) affected = *outcome;
    return Explain(outcome.status(), ended);
  };
  if (transaction_ != nullptr) {
    AFLUENTE_RETURN_IF_ERROR(work(*transaction_));
  } else {
    absl::Status status = engine_.committer->Run(work);
    engine_.checkpointer->Committed();
    AFLUENTE_RETURN_IF_ERROR(status);
  }
  row_count_ = affected.value_or(0);
  result_ = MutationOutcome(affected, {});
  return absl::OkStatus();
}

absl::Status ScriptMachine::EnsureTemporaryDataset() {
  if (!temporary_dataset_.empty()) return absl::OkStatus();
  if (transaction_ != nullptr) {
    return absl::UnimplementedError("CREATE TEMP TABLE inside a transaction is not supported");
  }
  std::string name = schema::Concat("_script_", engine_.next_script++);
  Dataset dataset;
  dataset.project = statement_.default_project;
  dataset.dataset = name;
  AFLUENTE_RETURN_IF_ERROR(engine_.committer->Run(
      [&](WriteTransaction& transaction) { return CreateDatasetIn(transaction, dataset); }));
  temporary_dataset_ = std::move(name);
  return absl::OkStatus();
}

absl::Status ScriptMachine::Declare(Frame& frame, const Instruction& step) {
  AFLUENTE_ASSIGN_OR_RETURN(std::optional<schema::Type> type,
                            googlesql::Script::DeclaredType(step));
  Variable declared;
  if (type) declared.type = *type;
  if (!step.expressions.empty()) {
    std::vector<schema::Type> targets;
    if (type) targets.push_back(*type);
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<Variable> values, Evaluate(frame, step, 0, targets));
    declared.value = std::move(values[0].value);
    if (!type) declared.type = values[0].type;
  }
  for (const std::string& name : step.names) {
    for (const Variable& other : frame.blocks.back().variables) {
      if (schema::EqualsIgnoreCase(other.name, name)) {
        return At(frame, step,
                  schema::Concat("Variable '", name, "' redeclaration is not allowed"));
      }
    }
    declared.name = name;
    frame.blocks.back().variables.push_back(declared);
  }
  return absl::OkStatus();
}

absl::Status ScriptMachine::Assign(Frame& frame, const Instruction& step) {
  std::vector<schema::Type> targets;
  for (const std::string& name : step.names) {
    AFLUENTE_ASSIGN_OR_RETURN(Variable * variable, Known(frame, name, step));
    targets.push_back(variable->type);
  }
  const bool unpack = step.expressions.size() != step.names.size();
  AFLUENTE_ASSIGN_OR_RETURN(
      std::vector<Variable> values,
      Evaluate(frame, step, 0, unpack ? std::vector<schema::Type>() : targets));
  if (unpack) {
    const auto* list = std::get_if<schema::Value::List>(&values[0].value.data);
    if (list == nullptr || list->size() != step.names.size()) {
      return At(frame, step,
                schema::Concat("Number of fields of the value does not match the ",
                               step.names.size(), " variables"));
    }
    const schema::Value::List parts = *list;
    for (size_t i = 0; i < parts.size(); ++i) Find(frame, step.names[i])->value = parts[i];
    return absl::OkStatus();
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Find(frame, step.names[i])->value = std::move(values[i].value);
  }
  return absl::OkStatus();
}

absl::Status ScriptMachine::BeginFor(Frame& frame, const Instruction& step) {
  const CatalogSnapshot& catalog = Catalog();
  AFLUENTE_ASSIGN_OR_RETURN(
      googlesql::Translation translation,
      frame.script->TranslateStatement(step, catalog, Options(frame, catalog)));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> rows, Rows(frame, translation));
  Block loop;
  std::vector<schema::Field> fields;
  for (const schema::Column& column : rows->columns()) fields.push_back({column.name, column.type});
  loop.variables.push_back({step.names[0], schema::Type::Struct(std::move(fields)), {}});
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, rows->Next());
    if (batch.rows == 0) break;
    for (size_t row = 0; row < batch.rows; ++row) {
      schema::Value::List list;
      for (const ColumnVector& column : batch.columns) list.push_back(ValueAt(column, row));
      loop.rows.emplace_back(std::move(list));
    }
    if (loop.rows.size() > kLoopRowsMax) {
      return absl::ResourceExhaustedError(
          schema::Concat("Resources exceeded: FOR goes over more than ", kLoopRowsMax, " rows"));
    }
  }
  frame.blocks.push_back(std::move(loop));
  return absl::OkStatus();
}

absl::Status ScriptMachine::NextFor(Frame& frame, const Instruction& step) {
  Block& loop = frame.blocks.back();
  if (loop.next_row == loop.rows.size()) {
    frame.at = step.target;
  } else {
    loop.variables[0].value = std::move(loop.rows[loop.next_row++]);
  }
  return absl::OkStatus();
}

absl::Status ScriptMachine::ExecuteImmediate(Frame& frame, const Instruction& step) {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Variable> values, Evaluate(frame, step, 0, {}));
  const auto* text = std::get_if<std::string>(&values[0].value.data);
  if (text == nullptr) return At(frame, step, "EXECUTE IMMEDIATE needs a text that is not NULL");
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<googlesql::Script> script,
                            googlesql::Script::Compile(*text));
  const bool one = script->instructions().size() == 1 &&
                   script->instructions()[0].op == Instruction::Op::kStatement;
  if (!one) return At(frame, step, "EXECUTE IMMEDIATE takes one statement of SQL");
  std::vector<Parameter> given;
  for (size_t i = 1; i < values.size(); ++i) {
    given.push_back({step.using_names[i - 1], values[i].type, std::move(values[i].value)});
  }
  std::swap(given, parameters_);
  Frame inner;
  inner.script = script.get();
  inner.blocks = frame.blocks;
  // Its errors are the caller's to handle.
  for (Block& block : inner.blocks) block.handler = 0;
  ++depth_;
  const absl::Status status = RunFrame(inner);
  --depth_;
  std::swap(given, parameters_);
  AFLUENTE_RETURN_IF_ERROR(status);
  if (step.names.empty()) return absl::OkStatus();
  if (result_ == nullptr || result_->columns().size() != step.names.size()) {
    return At(frame, step, "EXECUTE IMMEDIATE INTO has another number of variables than columns");
  }
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, result_->Next());
  if (batch.rows > 1) return At(frame, step, "EXECUTE IMMEDIATE INTO gives more than one row");
  for (size_t i = 0; i < step.names.size(); ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(Variable * variable, Known(frame, step.names[i], step));
    variable->value = batch.rows == 0 ? schema::Value() : ValueAt(batch.columns[i], 0);
  }
  result_.reset();
  return absl::OkStatus();
}

absl::Status ScriptMachine::Call(Frame& frame, const Instruction& step) {
  if (IsRefresh(step.path.parts)) return absl::OkStatus();
  const CatalogSnapshot& catalog = Catalog();
  const TableName name = googlesql::Script::RoutineName(step, Options(frame, catalog));
  const std::shared_ptr<const Routine> routine = catalog.FindRoutine(name);
  if (routine == nullptr || routine->kind != RoutineKind::kProcedure) {
    return absl::NotFoundError(schema::Concat("Not found: Procedure ", name.ToString()));
  }
  if (routine->arguments.size() != step.expressions.size()) {
    return At(frame, step,
              schema::Concat("Procedure ", name.ToString(), " takes ", routine->arguments.size(),
                             " arguments, not ", step.expressions.size()));
  }
  if (depth_ >= kCallsMax) return At(frame, step, "Procedures call each other too deeply");
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Variable> values, Evaluate(frame, step, 0, {}));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<googlesql::Script> body,
                            googlesql::Script::Compile(routine->body));
  Frame inner;
  inner.script = body.get();
  inner.blocks.emplace_back();
  for (size_t i = 0; i < values.size(); ++i) {
    const RoutineArgument& argument = routine->arguments[i];
    Variable variable{argument.name, argument.type.value_or(values[i].type),
                      std::move(values[i].value)};
    if (argument.mode == "OUT") variable.value = schema::Value();
    inner.blocks[0].variables.push_back(std::move(variable));
  }
  ++depth_;
  const absl::Status status = RunFrame(inner);
  --depth_;
  AFLUENTE_RETURN_IF_ERROR(status);
  for (size_t i = 0; i < step.expressions.size(); ++i) {
    if (!routine->arguments[i].mode.ends_with("OUT")) continue;
    const std::string target = googlesql::Script::VariableOf(*step.expressions[i]);
    AFLUENTE_ASSIGN_OR_RETURN(Variable * variable, Known(frame, target, step));
    variable->value = inner.blocks[0].variables[i].value;
  }
  return absl::OkStatus();
}

absl::Status ScriptMachine::Raise(Frame& frame, const Instruction& step) {
  if (step.expressions.empty()) {
    if (error_message_.empty()) {
      return At(frame, step,
                "Cannot re-raise an existing exception outside of an exception handler");
    }
    return absl::InvalidArgumentError(error_message_);
  }
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Variable> values,
                            Evaluate(frame, step, 0, {{schema::TypeKind::kString, {}}}));
  const auto* text = std::get_if<std::string>(&values[0].value.data);
  return absl::InvalidArgumentError(text == nullptr ? "NULL" : *text);
}

absl::Status ScriptMachine::Assert(Frame& frame, const Instruction& step) {
  AFLUENTE_ASSIGN_OR_RETURN(bool holds, Condition(frame, step));
  if (holds) return absl::OkStatus();
  return At(frame, step, step.text.empty() ? "Assertion failed" : step.text);
}

}  // namespace afluente::warehouse::duckdb
