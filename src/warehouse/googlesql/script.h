#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/catalog.h"
#include "warehouse/googlesql/statement_syntax.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::googlesql {

// One step of a script. Which members are used depends on `op`; `target` is an instruction's index.
struct Instruction {
  enum class Op {
    kStatement,   // statement
    kDeclare,     // names; type where written; expressions[0]: the default
    kAssign,      // names; as many expressions, or one STRUCT for all
    kJump,        // target, after leaving all blocks but `depth`
    kJumpUnless,  // expressions[0]; target
    kEnterBlock,  // target: its handler's place, 0 for none
    kLeaveBlock,
    kBeginFor,  // statement: the query; names[0]; enters a block of its own
    kNextFor,   // target when there is no row left
    kBeginTransaction,
    kCommit,
    kRollback,
    kExecuteImmediate,  // expressions: the text, then USING's; using_names; names: INTO
    kCall,              // path; expressions: arguments
    kRaise,             // expressions[0]: the message, if any
    kAssert,            // expressions[0]; text: the description
    kReturn,
  };
  Op op = Op::kStatement;
  size_t at = 0;
  size_t end = 0;  // one past the last byte of its text
  ParsedStatement statement;
  std::vector<ExpressionPtr> expressions;
  std::vector<std::string> names;
  std::vector<std::string> using_names;
  std::optional<SqlType> type;
  NamePath path;
  std::string text;
  size_t target = 0;
  size_t depth = 0;
};

// A script as a list of steps, so that whoever runs it needs no recursion and can stop anywhere.
// Immutable; any thread may translate its parts.
class Script {
 public:
  // INVALID_ARGUMENT with line and column.
  static absl::StatusOr<std::unique_ptr<Script>> Compile(std::string_view text);

  const std::vector<Instruction>& instructions() const { return instructions_; }
  std::string_view text() const { return text_; }
  std::string_view TextOf(const Instruction& instruction) const {
    return std::string_view(text_).substr(instruction.at, instruction.end - instruction.at);
  }

  absl::StatusOr<Translation> TranslateStatement(const Instruction& instruction,
                                                 const CatalogView& catalog,
                                                 const TranslateOptions& options) const;
  // The expressions from `first` on as a SELECT of one row. `targets`, when there are as many: the
  // types of the variables that they are assigned to.
  absl::StatusOr<Translation> TranslateExpressions(const Instruction& instruction, size_t first,
                                                   const std::vector<schema::Type>& targets,
                                                   const CatalogView& catalog,
                                                   const TranslateOptions& options) const;
  // The type of a DECLARE's variable, when it is written.
  static absl::StatusOr<std::optional<schema::Type>> DeclaredType(const Instruction& instruction);
  // The routine that a CALL names: complete, whether it exists or not.
  static TableName RoutineName(const Instruction& call, const TranslateOptions& options);
  // The name of a CALL's argument when it is a variable alone; else empty.
  static std::string VariableOf(const Expression& argument);

 private:
  std::string text_;
  std::vector<Instruction> instructions_;
};

}  // namespace afluente::warehouse::googlesql
