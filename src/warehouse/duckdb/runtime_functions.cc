#include "warehouse/duckdb/runtime_functions.h"

#include <farmhash.h>

#include <string>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/duckdb/decimal_text.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/sha512.h"
#include "warehouse/googlesql/runtime_macros.h"

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

void FarmFingerprint(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector texts = duckdb_data_chunk_get_vector(input, 0);
  auto* out = static_cast<int64_t*>(duckdb_vector_get_data(output));
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(texts, i)) {
      SetNull(output, i);
      continue;
    }
    std::string_view text = TextAt(texts, i);
    out[i] = static_cast<int64_t>(util::Fingerprint64(text.data(), text.size()));
  }
}

void Sha512OfBytes(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector bytes = duckdb_data_chunk_get_vector(input, 0);
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(bytes, i)) {
      SetNull(output, i);
      continue;
    }
    std::string digest = Sha512(TextAt(bytes, i));
    duckdb_vector_assign_string_element_len(output, i, digest.data(), digest.size());
  }
}

void BigNumeric(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector texts = duckdb_data_chunk_get_vector(input, 0);
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(input); ++i) {
    if (IsNull(texts, i)) {
      SetNull(output, i);
      continue;
    }
    absl::StatusOr<std::string> canonical = CanonicalBigNumeric(TextAt(texts, i));
    if (!canonical.ok()) {
      duckdb_scalar_function_set_error(info, std::string(canonical.status().message()).c_str());
      return;
    }
    duckdb_vector_assign_string_element_len(output, i, canonical->data(), canonical->size());
  }
}

// The translator computes with BIGNUMERIC as DECIMAL(38,18), and DuckDB's own cast would round what
// has more digits.
constexpr int kComputedScale = 18;

bool CastBigNumeric(duckdb_function_info info, idx_t count, duckdb_vector input,
                    duckdb_vector output) {
  auto* out = static_cast<duckdb_hugeint*>(duckdb_vector_get_data(output));
  for (idx_t i = 0; i < count; ++i) {
    if (IsNull(input, i)) {
      SetNull(output, i);
      continue;
    }
    absl::StatusOr<absl::int128> value = ParseDecimal(TextAt(input, i), kComputedScale);
    if (value.ok()) {
      out[i] = {absl::Int128Low64(*value), absl::Int128High64(*value)};
      continue;
    }
    std::string error = schema::Concat(
        "BIGNUMERIC value has more digits than queries compute with (20 before and 18 after the "
        "point): ",
        TextAt(input, i));
    duckdb_cast_function_set_row_error(info, error.c_str(), i, output);
    if (duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY) continue;
    duckdb_cast_function_set_error(info, error.c_str());
    return false;
  }
  return true;
}

bool RegisterBigNumericCast(duckdb_connection connection, const LogicalTypeHandle& big_numeric) {
  LogicalTypeHandle target(duckdb_create_decimal_type(38, kComputedScale));
  duckdb_cast_function cast = duckdb_create_cast_function();
  duckdb_cast_function_set_source_type(cast, big_numeric.get());
  duckdb_cast_function_set_target_type(cast, target.get());
  // Explicit casts alone: a higher cost than any way DuckDB has.
  duckdb_cast_function_set_implicit_cast_cost(cast, 1'000'000);
  duckdb_cast_function_set_function(cast, CastBigNumeric);
  duckdb_state state = duckdb_register_cast_function(connection, cast);
  duckdb_destroy_cast_function(&cast);
  return state == DuckDBSuccess;
}

bool Register(duckdb_connection connection, const char* name, duckdb_type parameter,
              const LogicalTypeHandle& result, duckdb_scalar_function_t function) {
  ScalarFunctionHandle made(duckdb_create_scalar_function());
  LogicalTypeHandle parameter_type(duckdb_create_logical_type(parameter));
  duckdb_scalar_function_set_name(made.get(), name);
  duckdb_scalar_function_add_parameter(made.get(), parameter_type.get());
  duckdb_scalar_function_set_return_type(made.get(), result.get());
  duckdb_scalar_function_set_function(made.get(), function);
  return duckdb_register_scalar_function(connection, made.get()) == DuckDBSuccess;
}

}  // namespace

absl::Status RegisterRuntimeFunctions(duckdb_connection connection) {
  LogicalTypeHandle int64(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  LogicalTypeHandle blob(duckdb_create_logical_type(DUCKDB_TYPE_BLOB));
  schema::Type big;
  big.kind = schema::TypeKind::kBigNumeric;
  LogicalTypeHandle big_numeric = ToLogicalType(big);
  bool registered =
      RegisterIntervalFunctions(connection) && RegisterTextFunctions(connection) &&
      RegisterBigNumeric(connection) && RegisterBigNumericCast(connection, big_numeric) &&
      Register(connection, "gsql_farm_fingerprint", DUCKDB_TYPE_BLOB, int64, FarmFingerprint) &&
      Register(connection, "gsql_sha512", DUCKDB_TYPE_BLOB, blob, Sha512OfBytes) &&
      Register(connection, "afluente_bignumeric", DUCKDB_TYPE_VARCHAR, big_numeric, BigNumeric);
  return registered ? absl::OkStatus()
                    : absl::InternalError("DuckDB refused a function of the translator");
}

int64_t MacrosFingerprint() {
  std::string all;
  for (std::string_view macro : googlesql::RuntimeMacros()) all.append(macro).append(";");
  return static_cast<int64_t>(util::Fingerprint64(all.data(), all.size()));
}

absl::Status CreateMacros(Session& session) {
  for (std::string_view macro : googlesql::RuntimeMacros()) {
    AFLUENTE_RETURN_IF_ERROR(session.Execute(macro));
  }
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::duckdb
