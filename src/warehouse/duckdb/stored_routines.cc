#include "warehouse/duckdb/stored_routines.h"

#include <nlohmann/json.hpp>

#include "host/check.h"

namespace afluente::warehouse::duckdb {
namespace {

using nlohmann::json;

constexpr std::string_view kKinds[] = {"FUNCTION", "TABLE_FUNCTION", "PROCEDURE"};

Arguments NameArguments(const TableName& name) {
  Arguments arguments;
  arguments.push_back(TextArgument(name.project));
  arguments.push_back(TextArgument(name.dataset));
  arguments.push_back(TextArgument(name.table));
  return arguments;
}

std::string ToJson(const Routine& routine) {
  json out = {{"kind", kKinds[static_cast<size_t>(routine.kind)]},
              {"language", routine.language},
              {"statement", routine.statement},
              {"defaultDataset", routine.default_dataset},
              {"body", routine.body},
              {"created", routine.created_micros}};
  if (routine.result) out["result"] = routine.result->ToString();
  out["arguments"] = json::array();
  for (const RoutineArgument& argument : routine.arguments) {
    json one = {{"name", argument.name}, {"mode", argument.mode}};
    if (argument.type) one["type"] = argument.type->ToString();
    out["arguments"].push_back(std::move(one));
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<std::optional<schema::Type>> TypeOf(const json& object, const char* key) {
  if (!object.contains(key)) return std::optional<schema::Type>();
  AFLUENTE_ASSIGN_OR_RETURN(schema::Type type, schema::ParseType(object.value(key, "")));
  return std::optional<schema::Type>(std::move(type));
}

absl::StatusOr<Routine> FromJson(TableName name, std::string_view text) {
  json in = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!in.is_object() || !in.contains("statement")) {
    return absl::DataLossError("the warehouse's catalog is damaged at routine " + name.ToString());
  }
  Routine routine;
  routine.name = std::move(name);
  const std::string kind = in.value("kind", "");
  routine.kind = kind == kKinds[1]   ? RoutineKind::kTableFunction
                 : kind == kKinds[2] ? RoutineKind::kProcedure
                                     : RoutineKind::kFunction;
  routine.language = in.value("language", "SQL");
  routine.statement = in.value("statement", "");
  routine.default_dataset = in.value("defaultDataset", "");
  routine.body = in.value("body", "");
  routine.created_micros = in.value("created", int64_t{0});
  AFLUENTE_ASSIGN_OR_RETURN(routine.result, TypeOf(in, "result"));
  for (const json& one : in.value("arguments", json::array())) {
    RoutineArgument argument;
    argument.name = one.value("name", "");
    argument.mode = one.value("mode", "");
    AFLUENTE_ASSIGN_OR_RETURN(argument.type, TypeOf(one, "type"));
    routine.arguments.push_back(std::move(argument));
  }
  return routine;
}

}  // namespace

absl::Status CreateRoutinesTable(Session& session) {
  return session.Execute(
      "CREATE TABLE IF NOT EXISTS afluente_internal.routines (project VARCHAR, dataset VARCHAR, "
      "name VARCHAR, definition VARCHAR)");
}

absl::Status StoreRoutine(Session& session, const Routine& routine) {
  AFLUENTE_RETURN_IF_ERROR(DeleteRoutine(session, routine.name));
  Arguments arguments = NameArguments(routine.name);
  arguments.push_back(TextArgument(ToJson(routine)));
  return session.Execute("INSERT INTO afluente_internal.routines VALUES ($1, $2, $3, $4)",
                         arguments);
}

absl::Status DeleteRoutine(Session& session, const TableName& name) {
  return session.Execute(
      "DELETE FROM afluente_internal.routines WHERE project = $1 AND dataset = $2 AND name = $3",
      NameArguments(name));
}

absl::Status LoadRoutines(Session& session, CatalogSnapshot& snapshot) {
  AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch rows,
                            session.Read("SELECT * FROM afluente_internal.routines"));
  for (size_t i = 0; i < rows.rows; ++i) {
    auto text = [&](size_t column) { return std::string(rows.columns[column].Bytes(i)); };
    AFLUENTE_ASSIGN_OR_RETURN(Routine routine, FromJson({text(0), text(1), text(2)}, text(3)));
    TableName name = routine.name;
    snapshot.routines[name] = std::make_shared<Routine>(std::move(routine));
  }
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::duckdb
