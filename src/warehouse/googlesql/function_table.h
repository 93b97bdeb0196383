#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/scope.h"

namespace afluente::warehouse::googlesql {

enum class FunctionKind { kScalar, kAggregate, kWindow };

// The type of a call's result.
enum class Result {
  kUnknown,
  kBool,
  kInt64,
  kFloat64,
  kNumeric,
  kBigNumeric,
  kString,
  kBytes,
  kDate,
  kDatetime,
  kTime,
  kTimestamp,
  kJson,
  kInterval,
  kArgument,        // of the first argument
  kSecond,          // of the second argument
  kCommon,          // of all arguments
  kFloatOrNumeric,  // NUMERIC stays, all else is FLOAT64
  kElement,         // of the first argument's elements
  kArrayOfArgument,
  kStrings,
  kInt64s,
  kBytesOrString,  // of the first argument when it is BYTES, else STRING
};

// A call while it is being emitted.
struct CallContext {
  Emitter& emitter;
  const Expression& call;
  const Scope& scope;
  std::vector<Emitted> args;  // those by position
  std::vector<std::pair<std::string, Emitted>> named;

  bool safe() const { return call.call->safe; }
  std::vector<std::string> Sql() const;
  // Fills a template with the arguments.
  std::string Fill(std::string_view text) const;
  // nullptr when it was not given.
  const Emitted* Named(std::string_view name) const;
  bool IsText(size_t arg) const;  // a string literal
  const std::string& Text(size_t arg) const { return call.args[arg]->text; }
};

// One row of the table of functions: everything the translator, and the page generated from the
// table, know of a function. One name may have several rows, told apart by arity.
struct Function {
  std::string_view name;
  int min_args = 0;
  int max_args = 0;  // -1: any number
  // Scalars: a template (see Expand). Aggregates and windows: DuckDB's name.
  std::string_view sql;
  Result result = Result::kUnknown;
  FunctionKind kind = FunctionKind::kScalar;
  // Functions that write themselves, from the types or the literals of their arguments.
  Emitted (*emit)(CallContext& context) = nullptr;
  bool deterministic = true;
  // Aggregates: a template for the first argument, when it is not the argument itself.
  std::string_view argument = "";
  // How it differs from BigQuery; empty when it does not.
  std::string_view note = "";
  // Arguments that may be given by name, comma-separated.
  std::string_view named = "";
};

// The whole table, and its parts by area.
const std::vector<Function>& FunctionTable();
std::span<const Function> TextFunctions();
std::span<const Function> MathFunctions();
std::span<const Function> TimeFunctions();
std::span<const Function> JsonFunctions();
std::span<const Function> ArrayFunctions();
std::span<const Function> AggregateFunctions();
std::span<const Function> RangeFunctions();
std::span<const Function> JsonEditFunctions();

// A function of BigQuery's that is not here.
struct MissingFunction {
  std::string_view name;
  std::string_view reason;
};
std::span<const MissingFunction> MissingFunctions();
// Why a function of BigQuery's is missing; empty for any other name.
std::string_view MissingReason(std::string_view name);

// nullptr when no row fits; `name` in upper case.
const Function* FindFunction(std::string_view name, size_t args);
bool IsFunctionName(std::string_view name);
bool IsAggregate(std::string_view name);

// DuckDB's name of a type inside a template: its field names are the user's and hold no
// placeholder.
std::string TemplateType(const SqlType& type);

SqlType ResultType(const Function& function, const std::vector<Emitted>& args);

}  // namespace afluente::warehouse::googlesql
