#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "host/clock.h"
#include "warehouse/googlesql/script.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

class CatalogSnapshot;
class WriteTransaction;
struct Engine;

// A variable of a script, as a column's type and a value.
struct Variable {
  std::string name;
  schema::Type type;
  schema::Value value;
};

// Runs one script step by step. Lives for one run, on one thread. A transaction that the script
// opens holds the committer until it ends, so that everything else that writes waits.
class ScriptMachine {
 public:
  ScriptMachine(Engine& engine, const Statement& statement, std::vector<Parameter> parameters,
                host::MonotonicTime deadline, const QueryLimits& limits)
      : engine_(engine),
        statement_(statement),
        parameters_(std::move(parameters)),
        deadline_(deadline),
        limits_(limits) {}
  ~ScriptMachine();

  absl::StatusOr<std::unique_ptr<ResultStream>> Run();

 private:
  // BEGIN ... END, a FOR loop, or the whole script.
  struct Block {
    size_t handler = 0;  // 0: none
    std::vector<Variable> variables;
    std::vector<schema::Value> rows;  // of a FOR loop
    size_t next_row = 0;
  };
  struct Frame {
    const googlesql::Script* script = nullptr;
    size_t at = 0;
    std::vector<Block> blocks;
    bool returned = false;
  };
  using Instruction = googlesql::Instruction;

  absl::Status RunFrame(Frame& frame);
  absl::Status Step(Frame& frame, const Instruction& step);
  absl::Status CheckLimits();
  bool Catch(Frame& frame, const absl::Status& status);
  absl::Status RunTransaction(Frame& frame);

  absl::Status Statement(Frame& frame, const Instruction& step);
  absl::Status Query(Frame& frame, const googlesql::Translation& translation, bool last);
  absl::Status Mutate(Frame& frame, const Instruction& step);
  absl::Status Declare(Frame& frame, const Instruction& step);
  absl::Status Assign(Frame& frame, const Instruction& step);
  absl::Status BeginFor(Frame& frame, const Instruction& step);
  absl::Status NextFor(Frame& frame, const Instruction& step);
  absl::Status ExecuteImmediate(Frame& frame, const Instruction& step);
  absl::Status Call(Frame& frame, const Instruction& step);
  absl::Status Raise(Frame& frame, const Instruction& step);
  absl::Status Assert(Frame& frame, const Instruction& step);
  absl::StatusOr<bool> Condition(Frame& frame, const Instruction& step);
  absl::Status EnsureTemporaryDataset();

  // The values of a step's expressions from `first` on.
  absl::StatusOr<std::vector<Variable>> Evaluate(Frame& frame, const Instruction& step,
                                                 size_t first,
                                                 const std::vector<schema::Type>& targets);
  absl::StatusOr<std::unique_ptr<ResultStream>> Rows(Frame& frame,
                                                     const googlesql::Translation& translation);
  Variable* Find(Frame& frame, std::string_view name);
  absl::StatusOr<Variable*> Known(Frame& frame, const std::string& name, const Instruction& step);
  absl::Status At(const Frame& frame, const Instruction& step, std::string_view message) const;
  googlesql::TranslateOptions Options(const Frame& frame, const CatalogSnapshot& catalog) const;
  // What a translation may bind: the caller's parameters and the variables.
  std::vector<Parameter> Bindable(const Frame& frame) const;
  warehouse::Statement Whole(const Frame& frame) const;
  std::vector<Variable> SystemVariables() const;
  const CatalogSnapshot& Catalog();

  Engine& engine_;
  const warehouse::Statement& statement_;
  std::vector<Parameter> parameters_;
  const host::MonotonicTime deadline_;
  const QueryLimits& limits_;
  std::shared_ptr<const CatalogSnapshot> snapshot_;
  WriteTransaction* transaction_ = nullptr;
  std::vector<std::shared_ptr<const Routine>> temporary_routines_;
  std::string temporary_dataset_;
  std::unique_ptr<ResultStream> result_;
  std::string error_message_;
  std::string error_statement_;
  int64_t row_count_ = 0;
  size_t steps_ = 0;
  int depth_ = 0;
  enum class Ending { kNone, kCommit, kRollback } ending_ = Ending::kNone;
};

}  // namespace afluente::warehouse::duckdb
