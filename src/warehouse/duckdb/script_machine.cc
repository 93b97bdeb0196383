#include "warehouse/duckdb/script_machine.h"

#include <algorithm>
#include <utility>

#include "host/cancellation.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/checkpointer.h"
#include "warehouse/duckdb/committer.h"
#include "warehouse/duckdb/duckdb_catalog.h"
#include "warehouse/duckdb/engine.h"
#include "warehouse/duckdb/kept_rows.h"
#include "warehouse/duckdb/mutation.h"
#include "warehouse/duckdb/query_stream.h"
#include "warehouse/duckdb/script_run.h"
#include "warehouse/duckdb/vector_reader.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr size_t kStepsMax = 1'000'000;
constexpr std::string_view kSystemPrefix = "@@";

}  // namespace

using Op = googlesql::Instruction::Op;

ScriptMachine::~ScriptMachine() {
  if (temporary_dataset_.empty()) return;
  engine_.committer
      ->Run([&](WriteTransaction& transaction) {
        return DropDatasetIn(transaction, statement_.default_project, temporary_dataset_, true);
      })
      .IgnoreError();  // what stays is dropped when the database is opened again
}

absl::StatusOr<std::unique_ptr<ResultStream>> ScriptMachine::Run() {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<googlesql::Script> script,
                            googlesql::Script::Compile(statement_.text));
  Frame frame;
  frame.script = script.get();
  frame.blocks.emplace_back();
  AFLUENTE_RETURN_IF_ERROR(RunFrame(frame));
  // Rows of a temporary table must outlive it.
  if (result_ != nullptr && !temporary_dataset_.empty() && !result_->affected_rows()) {
    AFLUENTE_ASSIGN_OR_RETURN(result_, KeepRows(*result_));
  }
  if (result_ == nullptr) return MutationOutcome(std::nullopt, {});
  return std::move(result_);
}

absl::Status ScriptMachine::CheckLimits() {
  if (++steps_ > kStepsMax) {
    return absl::ResourceExhaustedError("Resources exceeded: the script takes too many steps");
  }
  if (limits_.cancellation != nullptr && limits_.cancellation->cancelled()) {
    return absl::CancelledError("Job was cancelled");
  }
  if (std::chrono::steady_clock::now() > deadline_) {
    return absl::DeadlineExceededError("Job timed out");
  }
  return absl::OkStatus();
}

// Until its end, its RETURN, or the end of the transaction that is open.
absl::Status ScriptMachine::RunFrame(Frame& frame) {
  const auto& steps = frame.script->instructions();
  while (frame.at < steps.size() && !frame.returned) {
    const Instruction& step = steps[frame.at++];
    absl::Status status = CheckLimits();
    const bool limits_met = !status.ok();
    if (status.ok()) status = Step(frame, step);
    if (!status.ok()) {
      if (status.code() != absl::StatusCode::kOk) {
        error_statement_ = std::string(frame.script->TextOf(step));
      }
      // Inside a transaction it is rolled back first; see RunTransaction.
      if (limits_met || transaction_ != nullptr || !Catch(frame, status)) return status;
    }
    if (ending_ != Ending::kNone) return absl::OkStatus();
  }
  return absl::OkStatus();
}

bool ScriptMachine::Catch(Frame& frame, const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status) || absl::IsCancelled(status)) return false;
  while (!frame.blocks.empty()) {
    const size_t handler = frame.blocks.back().handler;
    // The block of the whole script has none.
    if (frame.blocks.size() == 1 || (handler == 0 && frame.blocks.size() == 1)) return false;
    frame.blocks.pop_back();
    if (handler == 0) continue;
    frame.at = handler;
    error_message_ = std::string(status.message());
    return true;
  }
  return false;
}

absl::Status ScriptMachine::Step(Frame& frame, const Instruction& step) {
  switch (step.op) {
    case Op::kStatement:
      return Statement(frame, step);
    case Op::kDeclare:
      return Declare(frame, step);
    case Op::kAssign:
      return Assign(frame, step);
    case Op::kJump:
      frame.blocks.resize(std::min(frame.blocks.size(), step.depth + 1));
      frame.at = step.target;
      return absl::OkStatus();
    case Op::kJumpUnless: {
      AFLUENTE_ASSIGN_OR_RETURN(bool holds, Condition(frame, step));
      if (!holds) frame.at = step.target;
      return absl::OkStatus();
    }
    case Op::kEnterBlock:
      frame.blocks.emplace_back();
      frame.blocks.back().handler = step.target;
      return absl::OkStatus();
    case Op::kLeaveBlock:
      frame.blocks.pop_back();
      return absl::OkStatus();
    case Op::kBeginFor:
      return BeginFor(frame, step);
    case Op::kNextFor:
      return NextFor(frame, step);
    case Op::kBeginTransaction:
      if (transaction_ != nullptr) {
        return At(frame, step,
                  "Transaction has already been started. Nested transactions are not "
                  "supported.");
      }
      return RunTransaction(frame);
    case Op::kCommit:
    case Op::kRollback:
      if (transaction_ == nullptr) {
        return At(frame, step,
                  step.op == Op::kCommit
                      ? "Cannot commit when there is no transaction in progress."
                      : "Cannot rollback when there is no transaction in progress.");
      }
      ending_ = step.op == Op::kCommit ? Ending::kCommit : Ending::kRollback;
      return absl::OkStatus();
    case Op::kExecuteImmediate:
      return ExecuteImmediate(frame, step);
    case Op::kCall:
      return Call(frame, step);
    case Op::kRaise:
      return Raise(frame, step);
    case Op::kAssert:
      return Assert(frame, step);
    case Op::kReturn:
      frame.returned = true;
      return absl::OkStatus();
  }
  return absl::InternalError("a script's step is not known");
}

// The steps from BEGIN TRANSACTION to its end, inside one transaction of the committer.
absl::Status ScriptMachine::RunTransaction(Frame& frame) {
  const Frame start = frame;
  bool rolled_back = false;
  absl::Status status = engine_.committer->Run([&](WriteTransaction& transaction) -> absl::Status {
    // The committer tries again when a checkpoint came between.
    frame = start;
    transaction_ = &transaction;
    ending_ = Ending::kNone;
    const absl::Status ran = RunFrame(frame);
    transaction_ = nullptr;
    const Ending ending = std::exchange(ending_, Ending::kNone);
    if (!ran.ok()) return ran;
    // A transaction that the script leaves open is rolled back.
    rolled_back = ending != Ending::kCommit;
    return rolled_back ? absl::CancelledError("rolled back") : absl::OkStatus();
  });
  engine_.checkpointer->Committed();
  return rolled_back ? absl::OkStatus() : status;
}

const CatalogSnapshot& ScriptMachine::Catalog() {
  if (transaction_ != nullptr) return transaction_->catalog();
  snapshot_ = engine_.live.snapshot();
  return *snapshot_;
}

absl::Status ScriptMachine::At(const Frame& frame, const Instruction& step,
                               std::string_view message) const {
  return absl::InvalidArgumentError(
      schema::Concat(message, " at ", googlesql::PlaceOf(frame.script->text(), step.at)));
}

googlesql::TranslateOptions ScriptMachine::Options(const Frame& frame,
                                                   const CatalogSnapshot& catalog) const {
  googlesql::TranslateOptions options = OptionsOf(statement_, parameters_, catalog);
  // The innermost first, since the first of a name is found.
  for (auto block = frame.blocks.rbegin(); block != frame.blocks.rend(); ++block) {
    for (const Variable& variable : block->variables) {
      options.variables.push_back({variable.name, variable.type});
    }
  }
  for (const Variable& variable : SystemVariables()) {
    options.variables.push_back({variable.name, variable.type});
  }
  options.temporary_routines = temporary_routines_;
  options.temporary_dataset = temporary_dataset_;
  return options;
}

std::vector<Variable> ScriptMachine::SystemVariables() const {
  const schema::Type text{schema::TypeKind::kString, {}};
  const schema::Type number{schema::TypeKind::kInt64, {}};
  auto named = [](std::string_view name) { return schema::Concat(kSystemPrefix, name); };
  return {{named("error.message"), text,
           error_message_.empty() ? schema::Value() : schema::Value(error_message_)},
          {named("error.statement_text"), text,
           error_message_.empty() ? schema::Value() : schema::Value(error_statement_)},
          {named("row_count"), number, schema::Value(row_count_)},
          {named("project_id"), text, schema::Value(statement_.default_project)},
          {named("dataset_id"), text, schema::Value(statement_.default_dataset)},
          {named("time_zone"), text, schema::Value(std::string("UTC"))}};
}

std::vector<Parameter> ScriptMachine::Bindable(const Frame& frame) const {
  std::vector<Parameter> all = parameters_;
  for (auto block = frame.blocks.rbegin(); block != frame.blocks.rend(); ++block) {
    for (const Variable& variable : block->variables) {
      all.push_back({":" + variable.name, variable.type, variable.value});
    }
  }
  for (Variable& variable : SystemVariables()) {
    all.push_back({":" + variable.name, variable.type, std::move(variable.value)});
  }
  return all;
}

// For messages, whose places are in the script's text.
warehouse::Statement ScriptMachine::Whole(const Frame& frame) const {
  return {std::string(frame.script->text()), statement_.default_project,
          statement_.default_dataset};
}

Variable* ScriptMachine::Find(Frame& frame, std::string_view name) {
  for (auto block = frame.blocks.rbegin(); block != frame.blocks.rend(); ++block) {
    for (Variable& variable : block->variables) {
      if (schema::EqualsIgnoreCase(variable.name, name)) return &variable;
    }
  }
  return nullptr;
}

absl::StatusOr<Variable*> ScriptMachine::Known(Frame& frame, const std::string& name,
                                               const Instruction& step) {
  Variable* found = Find(frame, name);
  if (found == nullptr) return At(frame, step, schema::Concat("Undeclared variable: ", name));
  return found;
}

absl::StatusOr<std::unique_ptr<ResultStream>> ScriptMachine::Rows(
    Frame& frame, const googlesql::Translation& translation) {
  AFLUENTE_ASSIGN_OR_RETURN(Arguments arguments,
                            BindParameters(Whole(frame), translation, Bindable(frame)));
  if (transaction_ == nullptr) {
    return StartQuery(engine_, translation, arguments, deadline_, QueryLimits{});
  }
  Session& session = transaction_->session();
  AFLUENTE_ASSIGN_OR_RETURN(uint64_t watch, engine_.timer.Add(session.connection(), deadline_));
  auto read = [&]() -> absl::StatusOr<std::unique_ptr<ResultStream>> {
    AFLUENTE_ASSIGN_OR_RETURN(ResultHandle result, session.Run(translation.sql, arguments));
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<schema::Column> columns, ResultColumns(result));
    std::vector<ColumnBatch> batches;
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, NextBatch(result, columns));
      if (batch.rows == 0) break;
      batches.push_back(std::move(batch));
    }
    return KeptRows(std::move(columns), std::move(batches));
  };
  absl::StatusOr<std::unique_ptr<ResultStream>> rows = read();
  QueryTimer::Outcome ended = engine_.timer.Remove(watch);
  if (!rows.ok()) return Explain(rows.status(), ended);
  return rows;
}

absl::StatusOr<std::vector<Variable>> ScriptMachine::Evaluate(
    Frame& frame, const Instruction& step, size_t first, const std::vector<schema::Type>& targets) {
  if (step.expressions.size() <= first) return std::vector<Variable>();
  const CatalogSnapshot& catalog = Catalog();
  AFLUENTE_ASSIGN_OR_RETURN(
      googlesql::Translation translation,
      frame.script->TranslateExpressions(step, first, targets, catalog, Options(frame, catalog)));
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<ResultStream> rows, Rows(frame, translation));
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, rows->Next());
  if (batch.rows != 1) return absl::InternalError("an expression gives one row");
  std::vector<Variable> values;
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    values.push_back({"", rows->columns()[i].type, ValueAt(batch.columns[i], 0)});
  }
  return values;
}

absl::StatusOr<bool> ScriptMachine::Condition(Frame& frame, const Instruction& step) {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<Variable> values,
                            Evaluate(frame, step, 0, {{schema::TypeKind::kBool, {}}}));
  const bool* holds = std::get_if<bool>(&values[0].value.data);
  return holds != nullptr && *holds;
}

absl::StatusOr<std::unique_ptr<ResultStream>> RunScript(Engine& engine, const Statement& statement,
                                                        const std::vector<Parameter>& parameters,
                                                        host::MonotonicTime deadline,
                                                        const QueryLimits& limits) {
  return ScriptMachine(engine, statement, parameters, deadline, limits).Run();
}

}  // namespace afluente::warehouse::duckdb
