// BigQuery's functions that there is nothing for: refused by name, and listed on the page of
// functions.
#include "warehouse/googlesql/function_table.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr MissingFunction kMissing[] = {
    {"HLL_COUNT.INIT", "sketches"},
    {"HLL_COUNT.MERGE", "sketches"},
    {"HLL_COUNT.MERGE_PARTIAL", "sketches"},
    {"HLL_COUNT.EXTRACT", "sketches"},
    {"KLL_QUANTILES.INIT_INT64", "sketches"},
    {"KLL_QUANTILES.INIT_FLOAT64", "sketches"},
    {"KLL_QUANTILES.EXTRACT_INT64", "sketches"},
    {"KLL_QUANTILES.EXTRACT_FLOAT64", "sketches"},
    {"NORMALIZE_AND_CASEFOLD", "needs Unicode's case folding"},
    {"NET.HOST", "network"},
    {"NET.IP_FROM_STRING", "network"},
    {"NET.IP_TO_STRING", "network"},
    {"NET.IP_NET_MASK", "network"},
    {"NET.IP_TRUNC", "network"},
    {"NET.IPV4_FROM_INT64", "network"},
    {"NET.IPV4_TO_INT64", "network"},
    {"NET.PUBLIC_SUFFIX", "network"},
    {"NET.REG_DOMAIN", "network"},
    {"NET.SAFE_IP_FROM_STRING", "network"},
    {"AEAD.DECRYPT_BYTES", "encryption"},
    {"AEAD.DECRYPT_STRING", "encryption"},
    {"AEAD.ENCRYPT", "encryption"},
    {"KEYS.NEW_KEYSET", "encryption"},
    {"KEYS.KEYSET_LENGTH", "encryption"},
    {"SESSION_USER", "known to the doors alone"},
    {"SEARCH", "text search"},
    {"VECTOR_SEARCH", "text search"},
    {"TEXT_ANALYZE", "text search"},
    {"BAG_OF_WORDS", "text search"},
    {"TF_IDF", "text search"},
    {"COSINE_DISTANCE", "vectors"},
    {"EUCLIDEAN_DISTANCE", "vectors"},
    {"EXTERNAL_QUERY", "other databases"},
    {"APPENDS", "history of a table"},
    {"CHANGES", "history of a table"},
    {"GAP_FILL", "time series"},
    {"JSON_FLATTEN", "JSON"},
    {"DATE_BUCKET", "time series"},
    {"DATETIME_BUCKET", "time series"},
    {"TIMESTAMP_BUCKET", "time series"},
    {"S2_CELLIDFROMPOINT", "GEOGRAPHY"},
    {"S2_COVERINGCELLIDS", "GEOGRAPHY"},
};

}  // namespace

std::span<const MissingFunction> MissingFunctions() { return kMissing; }

std::string_view MissingReason(std::string_view name) {
  for (const MissingFunction& missing : kMissing) {
    if (missing.name == name) return missing.reason;
  }
  return name.starts_with("ST_") ? "GEOGRAPHY" : "";
}

}  // namespace afluente::warehouse::googlesql
