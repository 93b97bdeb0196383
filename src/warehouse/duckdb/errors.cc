#include "warehouse/duckdb/errors.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "schema/text.h"

namespace afluente::warehouse::duckdb {
namespace {

constexpr const char* kInvalidated = "the warehouse's database was invalidated";

// "Conversion Error: text\n\nLINE 1: ..." -> "text".
std::string_view Core(std::string_view message) {
  size_t line = message.find("\n\nLINE ");
  if (line != std::string_view::npos) message = message.substr(0, line);
  size_t label = message.find(" Error: ");
  if (label != std::string_view::npos && label < 32) message = message.substr(label + 8);
  for (std::string_view hint : {"\nCandidate", "\n\tCandidate", "\nDid you mean", "\n\n"}) {
    size_t at = message.find(hint);
    if (at != std::string_view::npos) message = message.substr(0, at);
  }
  return message;
}

bool StrContains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string Quoted(std::string_view text, std::string_view before, std::string_view after) {
  size_t start = text.find(before);
  if (start == std::string_view::npos) return {};
  start += before.size();
  size_t end = text.find(after, start);
  if (end == std::string_view::npos) return {};
  return std::string(text.substr(start, end - start));
}

std::string ConversionText(std::string_view core) {
  std::string text = Quoted(core, "Could not convert string '", "' to ");
  if (text.empty()) text = Quoted(core, "Could not convert string \"", "\" to ");
  if (!text.empty() && StrContains(core, "INT64")) {
    return schema::Concat("Bad int64 value: ", text);
  }
  if (!text.empty() && StrContains(core, "DOUBLE")) {
    return schema::Concat("Bad double value: ", text);
  }
  if (!text.empty() && StrContains(core, "BOOL")) {
    return schema::Concat("Bad bool value: ", text);
  }
  if (StrContains(core, "DECIMAL")) {
    return text.empty() ? "numeric overflow" : schema::Concat("Invalid NUMERIC value: ", text);
  }
  std::string date = Quoted(core, "invalid date field format: \"", "\"");
  if (!date.empty()) return schema::Concat("Invalid date: '", date, "'");
  date = Quoted(core, "invalid timestamp field format: \"", "\"");
  if (!date.empty()) return schema::Concat("Invalid timestamp: '", date, "'");
  return std::string(core);
}

std::string ConstraintText(std::string_view core) {
  size_t at = core.find("NOT NULL constraint failed: ");
  if (at == std::string_view::npos) return std::string(core);
  std::string_view column = core.substr(at + 28);
  size_t dot = column.rfind('.');
  if (dot != std::string_view::npos) column = column.substr(dot + 1);
  return schema::Concat("Required field ", column, " cannot be null");
}

std::string OverflowText(std::string_view core) {
  if (StrContains(core, "INT64") || StrContains(core, "INT128")) {
    return schema::Concat("Integer Overflow: int64 overflow: ", core);
  }
  return std::string(core);
}

std::string GoogleTypes(std::string_view types) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP@"},
      {"STRING_LITERAL", "STRING"},
      {"INTEGER_LITERAL", "INT64"},
      {"TIMESTAMP", "DATETIME"},
      {"BIGINT", "INT64"},
      {"VARCHAR", "STRING"},
      {"DOUBLE", "FLOAT64"},
      {"BOOLEAN", "BOOL"},
      {"BLOB", "BYTES"},
      {"DECIMAL(38,9)", "NUMERIC"},
      {"DECIMAL(38,18)", "BIGNUMERIC"},
  };
  std::string text(types);
  for (const auto& [from, to] : kNames) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      // The first of the names ends so, which the plain TIMESTAMP must leave alone.
      if (from == "TIMESTAMP" && text.substr(at + from.size(), 1) == "@") {
        at += from.size();
        continue;
      }
      text.replace(at, from.size(), to);
      at += to.size();
    }
  }
  std::erase(text, '@');
  return text;
}

// `t1.` before a column is the translator's own name for a table.
std::string WithoutRanges(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool begins = i == 0 || text[i - 1] == ' ' || text[i - 1] == '"' || text[i - 1] == '(';
    size_t end = i + 1;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (begins && text[i] == 't' && end > i + 1 && end < text.size() && text[end] == '.') {
      i = end;
    } else {
      out += text[i];
    }
  }
  return out;
}

// BigQuery's wording of what DuckDB's binder commonly refuses.
std::string BinderText(std::string_view core) {
  if (StrContains(core, "must appear in the GROUP BY clause")) {
    return schema::Concat("SELECT list expression references column ",
                          Quoted(WithoutRanges(core), "column \"", "\""),
                          " which is neither grouped nor aggregated");
  }
  if (StrContains(core, "WHERE clause cannot contain aggregates")) {
    return "Aggregate function not allowed in WHERE clause";
  }
  if (StrContains(core, "aggregate function calls cannot be nested")) {
    return "Aggregations of aggregations are not allowed";
  }
  std::string call = Quoted(core, "argument types '", "'.");
  size_t open = call.find('(');
  if (StrContains(core, "No function matches") && open != std::string::npos && call.back() == ')') {
    std::string types = GoogleTypes(call.substr(open + 1, call.size() - open - 2));
    std::string name = absl::AsciiStrToUpper(call.substr(0, open));
    if (name.starts_with("GSQL_")) name = name.substr(5);
    return schema::Concat("No matching signature for function ", name,
                          " for argument types: ", types);
  }
  std::string left = Quoted(core, "Cannot compare values of type ", " and type ");
  if (!left.empty()) {
    return schema::Concat("No matching signature for comparison for argument types: ",
                          GoogleTypes(left), ", ", GoogleTypes(Quoted(core, " and type ", " - ")));
  }
  return WithoutRanges(core);
}

// What a user may see of `core`; `fallback` when it names something of ours.
std::string Safe(std::string core, std::string_view fallback) {
  if (StrContains(core, "afluente_") || StrContains(core, "gsql_")) return std::string(fallback);
  return core;
}

}  // namespace

absl::Status ToStatus(duckdb_error_type type, std::string_view message) {
  std::string core(Core(message));
  if (StrContains(core, "expression depth limit")) {
    return absl::InvalidArgumentError("Query is too deeply nested");
  }
  if (StrContains(message, "database has been invalidated")) {
    return absl::UnavailableError(kInvalidated);
  }
  if (message.starts_with("Binder Error")) core = BinderText(core);
  switch (type) {
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_MISMATCH_TYPE:
      return absl::InvalidArgumentError(Safe(ConversionText(core), "Bad value in a cast"));
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_DECIMAL:
      return absl::InvalidArgumentError(Safe(OverflowText(core), "Value out of range"));
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
      return absl::InvalidArgumentError("division by zero");
    case DUCKDB_ERROR_CONSTRAINT:
      return absl::InvalidArgumentError(Safe(ConstraintText(core), "A constraint failed"));
    case DUCKDB_ERROR_CATALOG:
      return absl::NotFoundError(Safe(std::move(core), "Not found: Table"));
    case DUCKDB_ERROR_TRANSACTION:
      return absl::AbortedError("Transaction is aborted due to concurrent update");
    case DUCKDB_ERROR_NOT_IMPLEMENTED: {
      const std::string zone = Quoted(core, "Unknown TimeZone '", "'");
      if (!zone.empty()) {
        return absl::InvalidArgumentError(schema::Concat("Invalid time zone: ", zone));
      }
      return absl::UnimplementedError(Safe(std::move(core), "The statement is not supported"));
    }
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return absl::ResourceExhaustedError(
          "Resources exceeded during query execution: the warehouse's memory limit was reached");
    case DUCKDB_ERROR_INTERRUPT:
      return absl::CancelledError("Job was cancelled");
    case DUCKDB_ERROR_PERMISSION:
      return absl::PermissionDeniedError(
          "Access Denied: the statement reaches outside the warehouse");
    case DUCKDB_ERROR_IO:
      return absl::UnavailableError("the warehouse's disk refused");
    case DUCKDB_ERROR_FATAL:
      return absl::UnavailableError(kInvalidated);
    case DUCKDB_ERROR_INTERNAL:
      return absl::InternalError("the warehouse failed on this statement");
    default:
      return absl::InvalidArgumentError(Safe(std::move(core), "The statement failed"));
  }
}

absl::Status ResultStatus(ResultHandle& result) {
  const char* message = duckdb_result_error(result.get());
  return ToStatus(duckdb_result_error_type(result.get()), message == nullptr ? "" : message);
}

absl::Status TextStatus(const char* message) {
  std::string_view text = message == nullptr ? "" : message;
  constexpr std::pair<std::string_view, duckdb_error_type> kTypes[] = {
      {"Catalog", DUCKDB_ERROR_CATALOG},
      {"Conversion", DUCKDB_ERROR_CONVERSION},
      {"Out of Range", DUCKDB_ERROR_OUT_OF_RANGE},
      {"Constraint", DUCKDB_ERROR_CONSTRAINT},
      {"Permission", DUCKDB_ERROR_PERMISSION},
      {"Not implemented", DUCKDB_ERROR_NOT_IMPLEMENTED},
      {"Out of Memory", DUCKDB_ERROR_OUT_OF_MEMORY},
      {"INTERRUPT", DUCKDB_ERROR_INTERRUPT},
      {"IO", DUCKDB_ERROR_IO},
      {"INTERNAL", DUCKDB_ERROR_INTERNAL},
      {"FATAL", DUCKDB_ERROR_FATAL},
  };
  for (const auto& [start, type] : kTypes) {
    if (text.starts_with(start)) return ToStatus(type, text);
  }
  return ToStatus(DUCKDB_ERROR_INVALID, text);
}

absl::Status PrepareStatus(const PreparedHandle& prepared) {
  return TextStatus(duckdb_prepare_error(prepared.get()));
}

absl::Status AppenderStatus(const AppenderHandle& appender) {
  duckdb_error_data error = duckdb_appender_error_data(appender.get());
  if (error == nullptr) return absl::InternalError("the warehouse failed to append");
  const char* message = duckdb_error_data_message(error);
  absl::Status status =
      ToStatus(duckdb_error_data_error_type(error), message == nullptr ? "" : message);
  duckdb_destroy_error_data(&error);
  return status;
}

absl::Status Prefixed(std::string_view prefix, const absl::Status& status) {
  return absl::Status(status.code(), schema::Concat(prefix, std::string(status.message())));
}

bool IsInvalidated(const absl::Status& status) {
  return absl::IsUnavailable(status) && status.message() == kInvalidated;
}

}  // namespace afluente::warehouse::duckdb
