// Functions of the user's: their definition, and calls, which are written out in place.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/json_text.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr int kCallsInCallsMax = 16;
constexpr size_t kArgumentBoundMin = 200;
constexpr size_t kInlinedMax = 1'000;

// As BigQuery's messages write a path: parts with dots or dashes in backticks.
std::string WrittenPath(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& part : path) {
    const bool plain = std::all_of(part.begin(), part.end(),
                                   [](unsigned char c) { return isalnum(c) || c == '_'; });
    Append(&text, text.empty() ? "" : ".", plain ? part : Cat("`", part, "`"));
  }
  return text;
}

// A document of JavaScript's as a value.
std::string FromJson(const std::string& sql, const SqlType& type) {
  const std::string text = Cat("json_extract_string(", sql, ", '$')");
  switch (type.code) {
    case TypeCode::kString:
      return text;
    case TypeCode::kBytes:
      return Cat("from_base64(", text, ")");
    case TypeCode::kJson:
      return Cat("CAST(", sql, " AS JSON)");
    case TypeCode::kArray:
    case TypeCode::kStruct:
      return Cat("CAST(CAST(", sql, " AS JSON) AS ", DuckdbName(type), ")");
    default:
      return Cat("CAST(", text, " AS ", DuckdbName(type), ")");
  }
}

std::string Signature(const std::string& name, const std::vector<Emitted>& args) {
  std::string text = Cat(name, "(");
  for (size_t i = 0; i < args.size(); ++i) {
    Append(&text, i == 0 ? "" : ", ", GoogleName(args[i].type));
  }
  return text + ")";
}

std::vector<RoutineArgument> ArgumentsOf(const RoutineDefinition& definition) {
  std::vector<RoutineArgument> arguments;
  for (const ArgumentDefinition& argument : definition.arguments) {
    RoutineArgument one{argument.name, std::nullopt, argument.mode};
    if (!argument.any_type) {
      one.type = ToSchema(argument.type);
      if (!one.type)
        FailUnsupported(argument.at, Cat("An argument of type ", GoogleName(argument.type)));
    }
    arguments.push_back(std::move(one));
  }
  return arguments;
}

}  // namespace

const ParsedStatement& Emitter::ParsedRoutine(const Routine& routine) {
  for (const auto& [known, parsed] : parsed_routines_) {
    if (known == &routine) return *parsed;
  }
  auto parsed = std::make_unique<ParsedStatement>(Parser(routine.statement).ParseStatement());
  parsed_routines_.emplace_back(&routine, std::move(parsed));
  return *parsed_routines_.back().second;
}

std::shared_ptr<const Routine> Emitter::FindRoutine(const std::vector<std::string>& path,
                                                    size_t at) {
  if (path.size() == 1) {
    const auto& temporary = options_.temporary_routines;
    for (auto it = temporary.rbegin(); it != temporary.rend(); ++it) {
      if (SameName((*it)->name.table, path[0])) return *it;
    }
  }
  if (options_.listing == nullptr) return nullptr;
  std::vector<std::string> parts = SplitPath(path);
  if (parts.size() > 3 || (parts.size() == 1 && options_.default_dataset.empty())) return nullptr;
  std::shared_ptr<const Routine> found = options_.listing->FindRoutine(Complete({parts, at}));
  if (found != nullptr) kept_routines_.push_back(found);
  return found;
}

// Backticks may hold several parts: `project.dataset`.function.
std::vector<std::string> Emitter::SplitPath(const std::vector<std::string>& path) {
  std::vector<std::string> parts;
  for (const std::string& part : path) {
    size_t start = 0;
    while (start != std::string::npos) {
      const size_t dot = part.find('.', start);
      parts.push_back(part.substr(start, dot - start));
      start = dot == std::string::npos ? dot : dot + 1;
    }
  }
  return parts;
}

Emitted Emitter::EmitRoutineCall(const Expression& call, const Scope& scope) {
  const std::vector<std::string>& path = call.call->path;
  const std::shared_ptr<const Routine> routine = FindRoutine(path, call.at);
  if (routine == nullptr || routine->kind != RoutineKind::kFunction) {
    Fail(call.at, Cat("Function not found: ", WrittenPath(path)));
  }
  const ParsedStatement& parsed = ParsedRoutine(*routine);
  const RoutineDefinition& definition = *parsed.routine;
  if (definition.arguments.size() != call.args.size()) {
    Fail(call.at, Cat("No matching signature for function ", WrittenPath(path), ": it takes ",
                      definition.arguments.size(), " arguments, not ", call.args.size()));
  }
  if (transform_ != nullptr) Fail(call.at, "A function's SQL calls no functions of the user's");
  std::vector<Emitted> args;
  for (size_t i = 0; i < call.args.size(); ++i) {
    const ArgumentDefinition& argument = definition.arguments[i];
    Emitted value = Emit(*call.args[i], scope);
    if (!argument.any_type) value = EmitArgument(std::move(value), argument.type, call.args[i]->at);
    args.push_back(std::move(value));
  }
  if (routine->language == "JAVASCRIPT") return EmitJavaScript(*routine, definition, args);
  return InlineFunction(call, definition, std::move(args));
}

Emitted Emitter::EmitArgument(Emitted value, const SqlType& type, size_t at) {
  const ScopeColumn target{"", "", type};
  if (value.type.known()) {
    CheckInsertable(value, target, 0, at);
    value.sql = EmitStored(value, target);
  } else {
    value.sql = Cat("CAST(", value.sql, " AS ", DuckdbName(type), ")");
  }
  return {std::move(value.sql), type};
}

// Functions that call others twice would grow without bound.
void Emitter::CountInlined(size_t at) {
  if (++routine_depth_ > kCallsInCallsMax) Fail(at, "Functions call each other too deeply");
  if (++inlined_ > kInlinedMax) {
    Fail(at,
         Cat("Query is too complex: its functions are called more than ", kInlinedMax, " times"));
  }
}

Emitted Emitter::InlineFunction(const Expression& call, const RoutineDefinition& definition,
                                std::vector<Emitted> args) {
  CountInlined(call.at);
  const std::string parameter = UniqueName("f");
  bool bind = false;
  Scope scope;
  std::string packed;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool long_or_volatile = args[i].sql.size() > kArgumentBoundMin ||
                                  args[i].sql.find("random(") != std::string::npos ||
                                  args[i].sql.find("uuid(") != std::string::npos;
    bind = bind || long_or_volatile;
    Append(&packed, i == 0 ? "" : ", ", "a", i, " := ", args[i].sql);
    scope.columns.push_back({definition.arguments[i].name, Cat(parameter, ".a", i), args[i].type});
  }
  // A query cannot see a lambda's parameter: its arguments are written out where they are used.
  std::vector<CommonTableEntry> hidden;
  std::swap(hidden, common_);
  Emitted result;
  try {
    result = Emit(*definition.body, scope);
    if (!bind || result.sql.find("SELECT") != std::string::npos) {
      bind = false;
      for (size_t i = 0; i < args.size(); ++i) scope.columns[i].sql = args[i].sql;
      result = Emit(*definition.body, scope);
    }
    if (definition.result) result = EmitArgument(std::move(result), *definition.result, call.at);
  } catch (const SqlError& error) {
    // The place is in the function's own text.
    throw SqlError{error.code,
                   Cat("Invalid function ", call.call->path.back(), ": ", error.message), call.at};
  }
  std::swap(hidden, common_);
  --routine_depth_;
  result.literal = false;
  result.stored.clear();
  if (result.sql.size() > kOutputBytesMax) {
    Fail(call.at, "Query is too complex: its functions written out are longer than 8 MiB");
  }
  if (!bind) return {Cat("(", result.sql, ")"), result.type};
  return {Cat("list_transform([struct_pack(", packed, ")], lambda ", parameter, ": ", result.sql,
              ")[1]"),
          result.type};
}

Emitted Emitter::EmitJavaScript(const Routine& routine, const RoutineDefinition& definition,
                                const std::vector<Emitted>& args) {
  std::string parameters;
  std::string values = "'['";
  for (size_t i = 0; i < args.size(); ++i) {
    Append(&parameters, i == 0 ? "" : ", ", definition.arguments[i].name);
    Append(&values, " || ", i == 0 ? "" : "',' || ", "coalesce(", JavaScriptText(args[i]),
           ", 'null')");
  }
  const std::string code = Cat("(", parameters, ") {\n", definition.code, "\n}");
  const std::string call =
      Cat("gsql_javascript(", QuoteText(code), ", ", QuoteText(Signature(routine.name.table, args)),
          ", ", values, " || ']')");
  const SqlType& type = *definition.result;
  if (DuckdbName(type).empty()) FailUnsupported(0, "This type of a JavaScript function's result");
  return {FromJson(call, type), type};
}

// FROM function(arguments): its query in place, its arguments as what surrounds it.
std::string Emitter::EmitTableFunction(const TableExpression& table, Scope* scope) {
  if (table.path.size() == 1 && SameName(table.path[0], "RANGE_SESSIONIZE")) {
    return EmitRangeSessionize(table, scope);
  }
  const std::shared_ptr<const Routine> routine = FindRoutine(table.path, table.at);
  if (routine == nullptr || routine->kind != RoutineKind::kTableFunction) {
    Fail(table.at, Cat("Table-valued function not found: ", WrittenPath(table.path)));
  }
  const RoutineDefinition& definition = *ParsedRoutine(*routine).routine;
  if (definition.arguments.size() != table.arguments.size()) {
    Fail(table.at, Cat("No matching signature for table function ", WrittenPath(table.path)));
  }
  CountInlined(table.at);
  Scope arguments;
  const Scope plain = *scope;
  for (size_t i = 0; i < table.arguments.size(); ++i) {
    const ArgumentDefinition& argument = definition.arguments[i];
    Emitted value = Emit(*table.arguments[i], plain);
    if (!argument.any_type) value = EmitArgument(std::move(value), argument.type, table.at);
    arguments.columns.push_back({argument.name, value.sql, value.type});
  }
  std::vector<CommonTableEntry> hidden;
  std::swap(hidden, common_);
  QueryOutput output;
  try {
    output = EmitQuery(*definition.query, &arguments);
  } catch (const SqlError& error) {
    throw SqlError{error.code,
                   Cat("Invalid table function ", table.path.back(), ": ", error.message),
                   table.at};
  }
  std::swap(hidden, common_);
  --routine_depth_;
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? SplitPath(table.path).back() : table.alias;
  for (ScopeColumn& column : output.columns) column.sql = Cat(id, ".", column.sql);
  range.columns = std::move(output.columns);
  AddRange(std::move(range), scope, table.at);
  return Cat("(", output.sql, ") AS ", id);
}

void Emitter::EmitCreateRoutine(const ParsedStatement& statement) {
  const RoutineDefinition& definition = *statement.routine;
  Routine routine;
  if (statement.temporary) {
    if (statement.target.parts.size() != 1) {
      Fail(statement.target.at, "A temporary function has a name alone");
    }
    routine.name.table = statement.target.parts[0];
  } else {
    routine.name = Complete(statement.target);
    if (!catalog_.HasDataset(routine.name.project, routine.name.dataset)) {
      throw SqlError{absl::StatusCode::kNotFound,
                     Cat("Not found: Dataset ", routine.name.project, ":", routine.name.dataset,
                         " was not found in location US"),
                     statement.target.at};
    }
    const bool exists =
        options_.listing != nullptr && options_.listing->FindRoutine(routine.name) != nullptr;
    if (exists && statement.if_not_exists) return;
    if (exists && !statement.or_replace) {
      throw SqlError{absl::StatusCode::kAlreadyExists,
                     Cat("Already Exists: Routine ", routine.name.project, ":",
                         routine.name.dataset, ".", routine.name.table),
                     statement.target.at};
    }
  }
  routine.kind = definition.kind;
  routine.language = definition.language;
  routine.statement = statement.text;
  routine.default_dataset = options_.default_dataset;
  routine.arguments = ArgumentsOf(definition);
  routine.body = definition.code;
  if (definition.result) {
    routine.result = ToSchema(*definition.result);
    if (!routine.result) {
      FailUnsupported(statement.at, Cat("A result of type ", GoogleName(*definition.result)));
    }
  }
  if (definition.body != nullptr) CheckFunctionBody(definition);
  translation_->routine = std::move(routine);
}

// Errors are told when the function is made, not only when it is called.
void Emitter::CheckFunctionBody(const RoutineDefinition& definition) {
  Scope scope;
  for (const ArgumentDefinition& argument : definition.arguments) {
    if (argument.any_type) return;  // known at each call only
    scope.columns.push_back(
        {argument.name, Cat("CAST(NULL AS ", DuckdbName(argument.type), ")"), argument.type});
  }
  Emitted body = Emit(*definition.body, scope);
  if (definition.result) {
    EmitArgument(std::move(body), *definition.result, definition.body->at);
  }
}

void Emitter::EmitDropRoutine(const ParsedStatement& statement) {
  const TableName name = Complete(statement.target);
  const std::shared_ptr<const Routine> found =
      options_.listing == nullptr ? nullptr : options_.listing->FindRoutine(name);
  if (found != nullptr && found->kind == statement.routine->kind) {
    translation_->routines_dropped.push_back(name);
    return;
  }
  if (statement.if_exists) return;
  throw SqlError{absl::StatusCode::kNotFound,
                 Cat("Not found: Routine ", name.project, ":", name.dataset, ".", name.table),
                 statement.target.at};
}

}  // namespace afluente::warehouse::googlesql
