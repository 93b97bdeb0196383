// JSON_SET and the other functions that change a document.
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/json_text.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

void CheckDocument(const CallContext& context) {
  const SqlType& type = context.args[0].type;
  if (type.Is(TypeCode::kJson) || !type.known()) return;
  Fail(context.call.at, Cat("No matching signature for function ", context.call.text,
                            " for argument types: ", GoogleName(type)));
}

// The option's value, or what it is without being given.
std::string Option(const CallContext& context, std::string_view name, std::string_view otherwise) {
  const Emitted* given = context.Named(name);
  return given == nullptr ? std::string(otherwise) : given->sql;
}

// `rest`: paths alone, or pairs of a path and a value, as a JSON array.
std::string Arguments(const CallContext& context, bool pairs) {
  std::string json = "'['";
  for (size_t i = 1; i < context.args.size(); ++i) {
    const bool path = !pairs || i % 2 == 1;
    Append(&json, " || ", i == 1 ? "" : "',' || ",
           path ? Cat("CAST(to_json(", context.args[i].sql, ") AS VARCHAR)")
                : Cat("coalesce(", JsonText(context.args[i]), ", 'null')"));
  }
  return json + " || ']'";
}

Emitted Edited(const CallContext& context, const std::string& arguments,
               const std::string& option) {
  return {Cat("CAST(gsql_json_edit('", context.call.text, "', CAST(", context.args[0].sql,
              " AS VARCHAR), ", arguments, ", ", option, ") AS JSON)"),
          TypeCode::kJson};
}

Emitted EmitPairs(CallContext& context) {
  CheckDocument(context);
  if (context.args.size() % 2 == 0) {
    Fail(context.call.at, Cat("No matching signature for function ", context.call.text,
                              ": paths and values come in pairs"));
  }
  const std::string_view option = context.call.text == "JSON_SET" ? "create_if_missing"
                                  : context.call.text == "JSON_ARRAY_APPEND"
                                      ? "append_each_element"
                                      : "insert_each_element";
  return Edited(context, Arguments(context, true), Option(context, option, "TRUE"));
}

Emitted EmitRemove(CallContext& context) {
  CheckDocument(context);
  return Edited(context, Arguments(context, false), "TRUE");
}

Emitted EmitStripNulls(CallContext& context) {
  CheckDocument(context);
  const std::string flags = Cat("'[' || CAST(", Option(context, "include_arrays", "TRUE"),
                                " AS VARCHAR) || ',' || to_json(",
                                context.args.size() > 1 ? context.args[1].sql : "'$'", ") || ']'");
  return Edited(context, flags, Option(context, "remove_empty", "FALSE"));
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"JSON_SET", 3, -1, "", Result::kJson, kScalar, EmitPairs, true, "", "", "create_if_missing"},
    {"JSON_ARRAY_INSERT", 3, -1, "", Result::kJson, kScalar, EmitPairs, true, "", "",
     "insert_each_element"},
    {"JSON_ARRAY_APPEND", 3, -1, "", Result::kJson, kScalar, EmitPairs, true, "", "",
     "append_each_element"},
    {"JSON_REMOVE", 2, -1, "", Result::kJson, kScalar, EmitRemove},
    {"JSON_STRIP_NULLS", 1, 2, "", Result::kJson, kScalar, EmitStripNulls, true, "", "",
     "include_arrays,remove_empty"},
};

}  // namespace

std::span<const Function> JsonEditFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
