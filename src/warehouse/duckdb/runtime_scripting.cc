// The JavaScript of SQL functions, and what INTERVAL needs beyond DuckDB.
#include <string>
#include <utility>

#include "schema/interval.h"
#include "schema/text.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/runtime_functions.h"

namespace afluente::warehouse::duckdb {
namespace {

std::string_view TextAt(duckdb_vector vector, idx_t row) {
  auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return {duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row])};
}

bool IsNull(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity != nullptr && !duckdb_validity_row_is_valid(validity, row);
}

void SetNull(duckdb_vector vector, idx_t row) {
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
}

// "Error: text (line 3 column 5)" -> "Error: text at f(INT64) line 2, column 5": the code begins
// one line below its argument list.
std::string ErrorText(std::string_view message, std::string_view signature) {
  const size_t place = message.rfind(" (line ");
  if (place == std::string_view::npos || !message.ends_with(")")) {
    return schema::Concat(message, " at ", signature);
  }
  const std::string where(message.substr(place + 7, message.size() - place - 8));
  const size_t column = where.find(" column ");
  const int line = std::atoi(where.c_str());
  return schema::Concat(message.substr(0, place), " at ", signature, " line ",
                        std::max(line - 1, 1), ", column ",
                        column == std::string::npos ? "1" : where.substr(column + 8));
}

void CallJavaScript(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  auto* javascript = static_cast<std::shared_ptr<JavaScriptFunctions>*>(
      duckdb_scalar_function_get_extra_info(info));
  duckdb_vector codes = duckdb_data_chunk_get_vector(input, 0);
  duckdb_vector signatures = duckdb_data_chunk_get_vector(input, 1);
  duckdb_vector arguments = duckdb_data_chunk_get_vector(input, 2);
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(codes, i) || IsNull(arguments, i)) {
      SetNull(output, i);
      continue;
    }
    absl::StatusOr<std::string> result =
        *javascript == nullptr
            ? absl::UnimplementedError("JavaScript functions are not supported here")
            : (*javascript)->Call(TextAt(codes, i), TextAt(arguments, i));
    if (!result.ok()) {
      const std::string text =
          ErrorText(std::string(result.status().message()), TextAt(signatures, i));
      duckdb_scalar_function_set_error(info, text.c_str());
      return;
    }
    duckdb_vector_assign_string_element_len(output, i, result->data(), result->size());
  }
}

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr int64_t kDaysPerMonth = 30;

// Moves whole `per` of `low` into `high`, so that both have one sign.
template <typename High, typename Low>
void Carry(High& high, Low& low, int64_t per) {
  int64_t up = high + low / per;
  int64_t rest = low % per;
  if (up > 0 && rest < 0) {
    --up;
    rest += per;
  } else if (up < 0 && rest > 0) {
    ++up;
    rest -= per;
  }
  high = static_cast<High>(up);
  low = static_cast<Low>(rest);
}

void Justify(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector values = duckdb_data_chunk_get_vector(input, 0);
  duckdb_vector modes = duckdb_data_chunk_get_vector(input, 1);
  auto* in = static_cast<duckdb_interval*>(duckdb_vector_get_data(values));
  auto* out = static_cast<duckdb_interval*>(duckdb_vector_get_data(output));
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(values, i)) {
      SetNull(output, i);
      continue;
    }
    out[i] = in[i];
    std::string_view mode = TextAt(modes, i);
    if (mode != "DAYS") Carry(out[i].days, out[i].micros, kMicrosPerDay);
    if (mode != "HOURS") Carry(out[i].months, out[i].days, kDaysPerMonth);
    // A borrowed month may leave days and hours with two signs.
    if (mode == "INTERVAL") Carry(out[i].days, out[i].micros, kMicrosPerDay);
  }
}

void IntervalText(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector values = duckdb_data_chunk_get_vector(input, 0);
  auto* in = static_cast<duckdb_interval*>(duckdb_vector_get_data(values));
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(values, i)) {
      SetNull(output, i);
      continue;
    }
    const std::string text = schema::FormatInterval({in[i].months, in[i].days, in[i].micros});
    duckdb_vector_assign_string_element_len(output, i, text.data(), text.size());
  }
}

bool RegisterIntervalText(duckdb_connection connection, const LogicalTypeHandle& interval,
                          const LogicalTypeHandle& text) {
  ScalarFunctionHandle made(duckdb_create_scalar_function());
  duckdb_scalar_function_set_name(made.get(), "gsql_interval_text");
  duckdb_scalar_function_add_parameter(made.get(), interval.get());
  duckdb_scalar_function_set_return_type(made.get(), text.get());
  duckdb_scalar_function_set_function(made.get(), IntervalText);
  return duckdb_register_scalar_function(connection, made.get()) == DuckDBSuccess;
}

}  // namespace

absl::Status RegisterJavaScript(duckdb_connection connection,
                                std::shared_ptr<JavaScriptFunctions> javascript) {
  ScalarFunctionHandle made(duckdb_create_scalar_function());
  LogicalTypeHandle text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_scalar_function_set_name(made.get(), "gsql_javascript");
  for (int i = 0; i < 3; ++i) duckdb_scalar_function_add_parameter(made.get(), text.get());
  duckdb_scalar_function_set_return_type(made.get(), text.get());
  duckdb_scalar_function_set_function(made.get(), CallJavaScript);
  // Not folded while a plan is made: code may take its time.
  duckdb_scalar_function_set_volatile(made.get());
  duckdb_scalar_function_set_extra_info(
      made.get(), new std::shared_ptr<JavaScriptFunctions>(std::move(javascript)),
      [](void* info) { delete static_cast<std::shared_ptr<JavaScriptFunctions>*>(info); });
  return duckdb_register_scalar_function(connection, made.get()) == DuckDBSuccess
             ? absl::OkStatus()
             : absl::InternalError("DuckDB refused gsql_javascript");
}

bool RegisterIntervalFunctions(duckdb_connection connection) {
  ScalarFunctionHandle made(duckdb_create_scalar_function());
  LogicalTypeHandle interval(duckdb_create_logical_type(DUCKDB_TYPE_INTERVAL));
  LogicalTypeHandle text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_scalar_function_set_name(made.get(), "gsql_justify");
  duckdb_scalar_function_add_parameter(made.get(), interval.get());
  duckdb_scalar_function_add_parameter(made.get(), text.get());
  duckdb_scalar_function_set_return_type(made.get(), interval.get());
  duckdb_scalar_function_set_function(made.get(), Justify);
  return duckdb_register_scalar_function(connection, made.get()) == DuckDBSuccess &&
         RegisterIntervalText(connection, interval, text);
}

}  // namespace afluente::warehouse::duckdb
