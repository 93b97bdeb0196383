// Calls: scalar functions by template, aggregates, windows.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

std::string ArityMessage(std::string_view name) {
  return Cat("No matching signature for function ", name, ": wrong number of arguments");
}

void CheckClauses(const Function& function, const Expression& expression) {
  const CallClauses& clauses = *expression.call;
  const bool scalar = function.kind == FunctionKind::kScalar;
  if (scalar && clauses.over != nullptr) {
    Fail(expression.at, Cat("Analytic function not found: ", expression.text));
  }
  if (scalar && (clauses.distinct || !clauses.nulls.empty() || !clauses.order.empty() ||
                 clauses.limit != nullptr || !clauses.having.empty())) {
    Fail(expression.at, Cat("Function ", expression.text,
                            " is not an aggregate: DISTINCT, NULLS, ORDER BY and LIMIT are not "
                            "supported in its call"));
  }
  if (clauses.star && expression.text != "COUNT") {
    Fail(expression.at, Cat("Argument * can only be used in COUNT(*), not in ", expression.text));
  }
  if (function.kind == FunctionKind::kWindow && clauses.over == nullptr) {
    Fail(expression.at,
         Cat("Analytic function ", expression.text, " cannot be called without an OVER clause"));
  }
  if (clauses.safe && !scalar) {
    Fail(expression.at, Cat("Function ", expression.text, " does not support SAFE error mode"));
  }
}

void CheckNamed(const Function& function, const std::string& name, size_t at) {
  std::string_view rest = function.named;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (rest.substr(0, comma) == name) return;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  Fail(at, Cat("Named argument ", name, " not found in signature for call to function ",
               function.name));
}

}  // namespace

void Emitter::MarkNotDeterministic(const Expression& call) {
  if (transform_ != nullptr) {
    Fail(call.at, Cat("Function ", call.text,
                      " is refused in a function's SQL: running it again "
                      "would give another result"));
  }
  translation_->deterministic = false;
}

Emitted Emitter::EmitCall(const Expression& expression, const Scope& scope) {
  const std::vector<std::string>& path = expression.call->path;
  const bool temporary =
      path.size() == 1 &&
      std::any_of(options_.temporary_routines.begin(), options_.temporary_routines.end(),
                  [&](const auto& routine) { return SameName(routine->name.table, path[0]); });
  if (!temporary && !MissingReason(expression.text).empty()) {
    FailUnsupported(expression.at, Cat("Function ", expression.text));
  }
  if (temporary || !IsFunctionName(expression.text)) return EmitRoutineCall(expression, scope);
  const std::vector<std::string>& names = expression.call->named;
  const auto by_name = static_cast<size_t>(
      std::count_if(names.begin(), names.end(), [](const std::string& n) { return !n.empty(); }));
  const Function* function = FindFunction(expression.text, expression.args.size() - by_name);
  if (function == nullptr && !expression.call->star) {
    Fail(expression.at, ArityMessage(expression.text));
  }
  if (function == nullptr) function = FindFunction("COUNT", 1);
  CheckClauses(*function, expression);
  CallContext context{*this, expression, scope, {}, {}};
  // Inside an aggregate a name is a column's, never an alias's.
  Scope columns_only = scope;
  columns_only.use_aliases = false;
  const bool aggregate = function->kind == FunctionKind::kAggregate;
  const Scope& argument_scope = aggregate ? columns_only : scope;
  for (size_t i = 0; i < expression.args.size(); ++i) {
    const Expression& arg = *expression.args[i];
    if (arg.kind == ExpressionKind::kDatePart) {
      context.args.push_back({QuoteText(arg.text), TypeCode::kString, true});
    } else if (i < names.size() && !names[i].empty()) {
      CheckNamed(*function, names[i], arg.at);
      context.named.emplace_back(names[i], Emit(arg, argument_scope));
    } else {
      context.args.push_back(Emit(arg, argument_scope));
    }
  }
  if (!function->deterministic) MarkNotDeterministic(expression);
  if (function->emit != nullptr) {
    if (aggregate && !pivot_filter_.empty()) {
      FailUnsupported(expression.at, Cat(expression.text, " in PIVOT"));
    }
    return function->emit(context);
  }
  if (function->kind == FunctionKind::kScalar) {
    return {context.Fill(function->sql), ResultType(*function, context.args)};
  }
  return EmitAggregate(*function, &context, argument_scope);
}

Emitted Emitter::EmitAggregate(const Function& function, CallContext* context, const Scope& scope) {
  const CallClauses& clauses = *context->call.call;
  std::vector<Emitted>& args = context->args;
  if (transform_ != nullptr && scope.outer == nullptr) {
    Fail(context->call.at, Cat(function.kind == FunctionKind::kWindow || clauses.over != nullptr
                                   ? "Analytic function "
                                   : "Aggregate function ",
                               context->call.text, " is refused in a function's SQL"));
  }
  SqlType type = ResultType(function, args);
  std::string name(function.sql);
  if (!function.argument.empty()) {
    args[0].sql = Expand(function.argument, {args[0].sql}, false);
  }
  if (!clauses.having.empty()) {
    if (function.name != "ANY_VALUE") FailUnsupported(context->call.at, "HAVING MAX or MIN here");
    name = clauses.having == "MAX" ? "arg_max" : "arg_min";
    args.push_back(Emit(*clauses.having_by, scope));
  }
  const bool distinct = clauses.distinct || function.name == "APPROX_COUNT_DISTINCT";
  std::string sql = Cat(name, "(", distinct ? "DISTINCT " : "");
  if (clauses.star) sql += "*";
  for (size_t i = 0; i < args.size(); ++i) Append(&sql, i == 0 ? "" : ", ", args[i].sql);
  const bool filter = function.kind == FunctionKind::kAggregate && clauses.nulls == "IGNORE";
  if (!clauses.nulls.empty() && !filter && function.kind == FunctionKind::kWindow) {
    Append(&sql, " ", clauses.nulls, " NULLS");
  }
  if (!clauses.order.empty()) Append(&sql, " ORDER BY ", EmitOrder(clauses.order, scope));
  sql += ")";
  std::string condition = filter && !args.empty() ? Cat(args[0].sql, " IS NOT NULL") : "";
  if (!pivot_filter_.empty()) {
    Append(&condition, condition.empty() ? "" : " AND ", "(", pivot_filter_, ")");
  }
  if (!condition.empty()) Append(&sql, " FILTER (WHERE ", condition, ")");
  if (clauses.over != nullptr) Append(&sql, " OVER (", EmitWindow(*clauses.over, scope), ")");
  if (clauses.limit != nullptr) {
    if (clauses.limit->kind != ExpressionKind::kInteger) {
      FailSyntax(clauses.limit->at, "LIMIT in a call takes an integer literal");
    }
    if (!type.Is(TypeCode::kArray)) FailUnsupported(clauses.limit->at, "LIMIT in this aggregate");
    sql = Cat("(", sql, ")[1:", clauses.limit->text, "]");
  }
  // DuckDB's sums and averages have types of their own.
  if ((function.name == "SUM" || function.name == "AVG") && type.known()) {
    sql = Cat("CAST(", sql, " AS ", DuckdbName(type), ")");
  }
  return {sql, std::move(type)};
}

const Window* Emitter::FindWindow(const std::string& name, size_t at, const Scope& scope) {
  if (scope.windows != nullptr) {
    for (const NamedWindow& named : *scope.windows) {
      if (SameName(named.name, name)) return &named.window;
    }
  }
  Fail(at, Cat("Unrecognized window alias ", name));
}

std::string Emitter::EmitWindow(const Window& window, const Scope& scope) {
  // A named window may build on another; what the later one says adds to it.
  std::vector<const Window*> chain = {&window};
  while (!chain.back()->base.empty()) {
    if (chain.size() > 16) Fail(window.at, "Named windows build on each other too deeply");
    chain.push_back(FindWindow(chain.back()->base, window.at, scope));
  }
  std::string partition;
  std::string order;
  std::string frame;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    for (const ExpressionPtr& key : (*it)->partition) {
      Append(&partition, partition.empty() ? "PARTITION BY " : ", ", Emit(*key, scope).sql);
    }
    if (!(*it)->order.empty()) {
      // Ordinals mean nothing inside a window.
      Scope plain = scope;
      plain.use_aliases = false;
      plain.aliases.clear();
      order = Cat(partition.empty() ? "" : " ", "ORDER BY ", EmitOrder((*it)->order, plain));
    }
    if ((*it)->frame.has_value()) frame = EmitFrame(*(*it)->frame, scope);
  }
  return Cat(partition, order, frame);
}

std::string Emitter::EmitFrame(const WindowFrame& frame, const Scope& scope) {
  std::string start = EmitBound(frame.start, scope);
  if (!frame.end.has_value()) return Cat(" ", frame.unit, " ", start);
  return Cat(" ", frame.unit, " BETWEEN ", start, " AND ", EmitBound(*frame.end, scope));
}

std::string Emitter::EmitBound(const FrameBound& bound, const Scope& scope) {
  switch (bound.kind) {
    case FrameBound::Kind::kUnboundedPreceding:
      return "UNBOUNDED PRECEDING";
    case FrameBound::Kind::kPreceding:
      return Cat(Emit(*bound.offset, scope).sql, " PRECEDING");
    case FrameBound::Kind::kCurrentRow:
      return "CURRENT ROW";
    case FrameBound::Kind::kFollowing:
      return Cat(Emit(*bound.offset, scope).sql, " FOLLOWING");
    case FrameBound::Kind::kUnboundedFollowing:
      return "UNBOUNDED FOLLOWING";
  }
  return "";
}

}  // namespace afluente::warehouse::googlesql
