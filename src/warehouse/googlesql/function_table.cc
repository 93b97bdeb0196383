#include "warehouse/googlesql/function_table.h"

#include "absl/container/flat_hash_map.h"
#include "warehouse/googlesql/sql_template.h"

namespace afluente::warehouse::googlesql {
namespace {

using Index = absl::flat_hash_map<std::string, std::vector<const Function*>>;

const Index& ByName() {
  static const Index* const kIndex = [] {
    auto* index = new Index;
    for (const Function& function : FunctionTable()) {
      (*index)[std::string(function.name)].push_back(&function);
    }
    return index;
  }();
  return *kIndex;
}

}  // namespace

const std::vector<Function>& FunctionTable() {
  static const auto* const kTable = [] {
    auto* table = new std::vector<Function>;
    for (std::span<const Function> part :
         {TextFunctions(), MathFunctions(), TimeFunctions(), JsonFunctions(), ArrayFunctions(),
          AggregateFunctions(), RangeFunctions(), JsonEditFunctions()}) {
      table->insert(table->end(), part.begin(), part.end());
    }
    return table;
  }();
  return *kTable;
}

const Function* FindFunction(std::string_view name, size_t args) {
  const auto it = ByName().find(std::string(name));
  if (it == ByName().end()) return nullptr;
  for (const Function* function : it->second) {
    const auto count = static_cast<int>(args);
    if (count >= function->min_args && (function->max_args < 0 || count <= function->max_args)) {
      return function;
    }
  }
  return nullptr;
}

bool IsFunctionName(std::string_view name) { return ByName().contains(std::string(name)); }

bool IsAggregate(std::string_view name) {
  const auto it = ByName().find(std::string(name));
  return it != ByName().end() && it->second[0]->kind == FunctionKind::kAggregate;
}

std::vector<std::string> CallContext::Sql() const {
  std::vector<std::string> sql;
  for (const Emitted& arg : args) sql.push_back(arg.sql);
  return sql;
}

std::string CallContext::Fill(std::string_view text) const { return Expand(text, Sql(), safe()); }

const Emitted* CallContext::Named(std::string_view name) const {
  for (const auto& [known, value] : named) {
    if (known == name) return &value;
  }
  return nullptr;
}

bool CallContext::IsText(size_t arg) const {
  return arg < call.args.size() && call.args[arg]->kind == ExpressionKind::kString;
}

std::string TemplateType(const SqlType& type) { return EscapeTemplate(DuckdbName(type)); }

SqlType ResultType(const Function& function, const std::vector<Emitted>& args) {
  const SqlType first = args.empty() ? SqlType() : args[0].type;
  switch (function.result) {
    case Result::kUnknown:
      return {};
    case Result::kArgument:
      return first;
    case Result::kSecond:
      return args.size() > 1 ? args[1].type : SqlType();
    case Result::kCommon: {
      SqlType type;
      for (const Emitted& arg : args) type = CommonType(type, arg.type);
      return type;
    }
    case Result::kFloatOrNumeric:
      return first.IsDecimal() ? first : SqlType(TypeCode::kFloat64);
    case Result::kElement:
      return first.element();
    case Result::kArrayOfArgument:
      return SqlType::Array(first);
    case Result::kStrings:
      return SqlType::Array(TypeCode::kString);
    case Result::kInt64s:
      return SqlType::Array(TypeCode::kInt64);
    case Result::kBytesOrString:
      return first.Is(TypeCode::kBytes) ? first : SqlType(TypeCode::kString);
    case Result::kBool:
      return TypeCode::kBool;
    case Result::kInt64:
      return TypeCode::kInt64;
    case Result::kFloat64:
      return TypeCode::kFloat64;
    case Result::kNumeric:
      return TypeCode::kNumeric;
    case Result::kBigNumeric:
      return TypeCode::kBigNumeric;
    case Result::kString:
      return TypeCode::kString;
    case Result::kBytes:
      return TypeCode::kBytes;
    case Result::kDate:
      return TypeCode::kDate;
    case Result::kDatetime:
      return TypeCode::kDatetime;
    case Result::kTime:
      return TypeCode::kTime;
    case Result::kTimestamp:
      return TypeCode::kTimestamp;
    case Result::kJson:
      return TypeCode::kJson;
    case Result::kInterval:
      return TypeCode::kInterval;
  }
  return {};
}

}  // namespace afluente::warehouse::googlesql
