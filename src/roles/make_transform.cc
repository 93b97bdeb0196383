#include "roles/make_transform.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "function/by_name_transform.h"
#include "function/http_transform.h"
#include "function/javascript_transform.h"
#include "function/sql_transform.h"
#include "host/check.h"
#include "roles/apply_spec.h"

namespace afluente::roles {
namespace {

using function::Transform;

absl::Status InFile(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

absl::StatusOr<std::unique_ptr<Transform>> MakeSql(const spec::Function& function,
                                                   const spec::Table& table,
                                                   const TransformParts& parts) {
  auto statement =
      parts.sql.Compile(function.sql, ToTableSchema(parts.spec, function.dataset, table));
  if (!statement.ok()) return InFile(function.sql_file, statement.status());
  return std::make_unique<function::SqlTransform>(*std::move(statement));
}

absl::StatusOr<std::unique_ptr<Transform>> MakeJavascript(const spec::Function& function,
                                                          function::JsonRows rows) {
  auto compiled = script::JavaScript::Compile(function.javascript->function_name,
                                              function.javascript->code, {});
  if (!compiled.ok()) return InFile(function.javascript->file, compiled.status());
  return std::make_unique<function::JavascriptTransform>(*std::move(compiled), std::move(rows));
}

function::HttpTransformOptions HttpOptions(const spec::Function& function,
                                           const std::string& project) {
  const spec::HttpTransform& http = *function.http;
  function::HttpTransformOptions options;
  options.target.url = http.url;
  options.target.topic = absl::StrCat("projects/", project, "/topics/", function.topic);
  options.target.subscription =
      absl::StrCat("projects/", project, "/subscriptions/", function.name);
  switch (http.format) {
    case spec::EventFormat::kPubsub:
      break;
    case spec::EventFormat::kCloudeventsBinary:
      options.target.format = function::EventFormat::kCloudeventsBinary;
      break;
    case spec::EventFormat::kCloudeventsStructured:
      options.target.format = function::EventFormat::kCloudeventsStructured;
      break;
  }
  options.concurrency = static_cast<size_t>(http.concurrency);
  options.timeout = http.timeout;
  options.response_bytes_max = http.response_bytes;
  options.takes_rows = !function.table.empty();
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transform>> MakeTransform(const spec::Function& function,
                                                         const TransformParts& parts) {
  const spec::Table* table = FindTable(parts.spec, function);
  // spec::Load refuses dangling tables, and functions without one but those over HTTP.
  AFLUENTE_CHECK(table != nullptr || function.http);
  if (!function.sql.empty()) return MakeSql(function, *table, parts);
  const std::vector<schema::Column> columns =
      table != nullptr ? table->schema : std::vector<schema::Column>();
  if (function.javascript) {
    return MakeJavascript(function, function::JsonRows(columns, function.unknown_fields));
  }
  if (function.http) {
    return std::make_unique<function::HttpTransform>(
        HttpOptions(function, parts.spec.project), parts.connections,
        function::JsonRows(columns, function.unknown_fields));
  }
  return std::make_unique<function::ByNameTransform>(columns, function.unknown_fields);
}

}  // namespace afluente::roles
