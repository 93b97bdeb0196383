#include "warehouse/googlesql/script.h"

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/script_compiler.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

absl::StatusOr<std::unique_ptr<Script>> Script::Compile(std::string_view text) {
  if (text.size() > kStatementBytesMax) {
    return absl::InvalidArgumentError(
        "The query is too large: a script has at most 1024.00K bytes");
  }
  auto script = std::make_unique<Script>();
  script->text_ = text;
  try {
    script->instructions_ = ScriptCompiler(script->text_).CompileAll();
  } catch (const SqlError& error) {
    return ToStatus(error, text);
  }
  return script;
}

absl::StatusOr<Translation> Script::TranslateStatement(const Instruction& instruction,
                                                       const CatalogView& catalog,
                                                       const TranslateOptions& options) const {
  try {
    Translation translation;
    Emitter(catalog, options, &translation).EmitStatement(instruction.statement);
    return translation;
  } catch (const SqlError& error) {
    return ToStatus(error, text_);
  }
}

absl::StatusOr<Translation> Script::TranslateExpressions(const Instruction& instruction,
                                                         size_t first,
                                                         const std::vector<schema::Type>& targets,
                                                         const CatalogView& catalog,
                                                         const TranslateOptions& options) const {
  try {
    Translation translation;
    std::vector<SqlType> types;
    for (const schema::Type& target : targets) types.push_back(FromSchema(target));
    std::vector<const Expression*> expressions;
    for (size_t i = first; i < instruction.expressions.size(); ++i) {
      expressions.push_back(instruction.expressions[i].get());
    }
    Emitter(catalog, options, &translation).EmitRow(expressions, types);
    return translation;
  } catch (const SqlError& error) {
    return ToStatus(error, text_);
  }
}

absl::StatusOr<std::optional<schema::Type>> Script::DeclaredType(const Instruction& instruction) {
  if (!instruction.type) return std::optional<schema::Type>();
  std::optional<schema::Type> type = ToSchema(*instruction.type);
  if (!type) {
    return absl::UnimplementedError(
        Cat("A variable of type ", GoogleName(*instruction.type), " is not supported"));
  }
  return type;
}

TableName Script::RoutineName(const Instruction& call, const TranslateOptions& options) {
  const std::vector<std::string>& parts = call.path.parts;
  const size_t n = parts.size();
  return {n > 2 ? parts[n - 3] : options.default_project,
          n > 1 ? parts[n - 2] : options.default_dataset, parts[n - 1]};
}

std::string Script::VariableOf(const Expression& argument) {
  return argument.kind == ExpressionKind::kName ? argument.text : "";
}

}  // namespace afluente::warehouse::googlesql
