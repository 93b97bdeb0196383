// Functions over texts and bytes that DuckDB lacks.
#include <functional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/duckdb/handles.h"
#include "warehouse/duckdb/json_edit.h"
#include "warehouse/duckdb/runtime_functions.h"

namespace afluente::warehouse::duckdb {
namespace {

using Texts = std::vector<std::string_view>;
// Of a row's texts; the last is "true" or "false" where the last parameter is BOOLEAN.
using TextFunction = absl::StatusOr<std::string> (*)(const Texts&);

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

absl::StatusOr<std::string> ToBase32(const Texts& in) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (unsigned char c : in[0]) {
    bits = bits << 8 | c;
    for (count += 8; count >= 5; count -= 5) out += kBase32[bits >> (count - 5) & 31];
  }
  if (count > 0) out += kBase32[bits << (5 - count) & 31];
  while (out.size() % 8 != 0) out += '=';
  return out;
}

absl::StatusOr<std::string> FromBase32(const Texts& in) {
  std::string_view text = in[0];
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const size_t digit = kBase32.find(absl::ascii_toupper(static_cast<unsigned char>(c)));
    if (digit == std::string_view::npos) {
      return absl::InvalidArgumentError("Failed to decode invalid base32 string");
    }
    bits = bits << 5 | static_cast<uint32_t>(digit);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255);
  }
  return out;
}

// American Soundex over ASCII letters: others are passed over, equal neighbours count once.
absl::StatusOr<std::string> Soundex(const Texts& in) {
  constexpr std::string_view kCodes = "01230120022455012623010202";
  std::string out;
  char last = '0';
  for (char c : in[0]) {
    const auto letter = static_cast<unsigned char>(c);
    if (!absl::ascii_isalpha(letter)) continue;
    const char upper = absl::ascii_toupper(letter);
    const char code = kCodes[static_cast<size_t>(upper - 'A')];
    if (out.empty()) {
      out += upper;
    } else if (code != '0' && code != last) {
      out += code;
    }
    // Vowels do not part two letters of one code, as GoogleSQL's own engine has it.
    if (code != '0' || out.size() == 1) last = code;
    if (out.size() == 4) break;
  }
  if (!out.empty()) out.resize(4, '0');
  return out;
}

absl::StatusOr<std::string> JsonEdit(const Texts& in) {
  return EditJson(in[0], in[1], in[2], in[3] == "true");
}

struct Entry {
  const char* name;
  std::vector<duckdb_type> parameters;
  duckdb_type result;
  TextFunction function;
};

const std::vector<Entry>& Entries() {
  static const auto* const kEntries = new std::vector<Entry>{
      {"gsql_to_base32", {DUCKDB_TYPE_BLOB}, DUCKDB_TYPE_VARCHAR, ToBase32},
      {"gsql_from_base32", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_BLOB, FromBase32},
      {"gsql_soundex", {DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, Soundex},
      {"gsql_json_edit",
       {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BOOLEAN},
       DUCKDB_TYPE_VARCHAR,
       JsonEdit},
  };
  return *kEntries;
}

bool IsNull(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity != nullptr && !duckdb_validity_row_is_valid(validity, row);
}

void Call(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto& entry = *static_cast<const Entry*>(duckdb_scalar_function_get_extra_info(info));
  for (idx_t row = 0; row < duckdb_data_chunk_get_size(input); ++row) {
    Texts texts;
    bool null = false;
    for (size_t i = 0; i < entry.parameters.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
      null = null || IsNull(vector, row);
      if (entry.parameters[i] == DUCKDB_TYPE_BOOLEAN) {
        texts.push_back(static_cast<bool*>(duckdb_vector_get_data(vector))[row] ? "true" : "false");
        continue;
      }
      auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
      if (!null)
        texts.emplace_back(duckdb_string_t_data(&strings[row]),
                           duckdb_string_t_length(strings[row]));
    }
    if (null) {
      duckdb_vector_ensure_validity_writable(output);
      duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
      continue;
    }
    absl::StatusOr<std::string> result = entry.function(texts);
    if (!result.ok()) {
      duckdb_scalar_function_set_error(info, std::string(result.status().message()).c_str());
      return;
    }
    duckdb_vector_assign_string_element_len(output, row, result->data(), result->size());
  }
}

}  // namespace

bool RegisterTextFunctions(duckdb_connection connection) {
  for (const Entry& entry : Entries()) {
    ScalarFunctionHandle made(duckdb_create_scalar_function());
    duckdb_scalar_function_set_name(made.get(), entry.name);
    for (duckdb_type parameter : entry.parameters) {
      LogicalTypeHandle type(duckdb_create_logical_type(parameter));
      duckdb_scalar_function_add_parameter(made.get(), type.get());
    }
    LogicalTypeHandle result(duckdb_create_logical_type(entry.result));
    duckdb_scalar_function_set_return_type(made.get(), result.get());
    duckdb_scalar_function_set_function(made.get(), Call);
    duckdb_scalar_function_set_extra_info(made.get(), const_cast<Entry*>(&entry), nullptr);
    if (duckdb_register_scalar_function(connection, made.get()) != DuckDBSuccess) return false;
  }
  return true;
}

}  // namespace afluente::warehouse::duckdb
