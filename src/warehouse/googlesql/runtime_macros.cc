#include "warehouse/googlesql/runtime_macros.h"

namespace afluente::warehouse::googlesql {

namespace {

// An `otherwise` parameter is error('...'), or NULL under SAFE.
constexpr std::string_view kMacros[] = {
    R"(CREATE OR REPLACE MACRO gsql_number_text(value) AS
         regexp_replace(CAST(value AS VARCHAR), '\.0*$', ''))",
    R"(CREATE OR REPLACE MACRO gsql_element(list, place) AS
         CASE WHEN list IS NULL OR place IS NULL THEN NULL
              WHEN place < 1 OR place > len(list)
              THEN error('Array index ' || (place - 1) || ' is out of bounds')
              ELSE list[place] END)",
    R"(CREATE OR REPLACE MACRO gsql_element_or_null(list, place) AS
         CASE WHEN place >= 1 THEN list[place] END)",
    R"(CREATE OR REPLACE MACRO gsql_array_slice(list, first, last) AS
         list[CASE WHEN first < 0 THEN greatest(first + len(list), 0) + 1 ELSE first + 1 END :
              CASE WHEN last < 0 THEN last + len(list) + 1 ELSE last + 1 END])",
    R"(CREATE OR REPLACE MACRO gsql_generate_array(first, last, step, otherwise) AS
         CASE WHEN step = 0 THEN otherwise ELSE generate_series(first, last, step) END)",
    R"(CREATE OR REPLACE MACRO gsql_fraction(us) AS
         CASE WHEN us % 1000000 = 0 THEN ''
              WHEN us % 1000 = 0 THEN '.' || lpad(CAST((us % 1000000) // 1000 AS VARCHAR), 3, '0')
              ELSE '.' || lpad(CAST(us % 1000000 AS VARCHAR), 6, '0') END)",
    R"(CREATE OR REPLACE MACRO gsql_datetime_text(value) AS
         strftime(value, '%Y-%m-%d %H:%M:%S') || gsql_fraction(date_part('microsecond', value)))",
    R"(CREATE OR REPLACE MACRO gsql_timestamp_text(value) AS
         gsql_datetime_text(value AT TIME ZONE 'UTC') || '+00')",
    R"(CREATE OR REPLACE MACRO gsql_offset_text(minutes) AS
         CASE WHEN minutes < 0 THEN '-' ELSE '+' END ||
         lpad(CAST(abs(minutes) // 60 AS VARCHAR), 2, '0') ||
         CASE WHEN minutes % 60 = 0 THEN ''
              ELSE ':' || lpad(CAST(abs(minutes) % 60 AS VARCHAR), 2, '0') END)",
    R"(CREATE OR REPLACE MACRO gsql_timestamp_text_at(value, zone) AS
         gsql_datetime_text(value AT TIME ZONE zone) ||
         gsql_offset_text(date_diff('minute', value AT TIME ZONE 'UTC', value AT TIME ZONE zone)))",
    R"(CREATE OR REPLACE MACRO gsql_time_text(value) AS
         strftime(DATE '1970-01-01' + value, '%H:%M:%S') ||
         gsql_fraction(date_part('microsecond', value)))",
    R"(CREATE OR REPLACE MACRO gsql_text_to_int64(value, otherwise) AS
         CASE WHEN value IS NULL THEN NULL
              WHEN regexp_full_match(value, '\s*[+-]?[0-9]+\s*') THEN CAST(value AS BIGINT)
              WHEN regexp_full_match(value, '\s*[+-]?0[xX][0-9a-fA-F]{1,15}\s*')
              THEN CAST(replace(trim(lower(value)), '+', '') AS BIGINT)
              ELSE otherwise END)",
    R"(CREATE OR REPLACE MACRO gsql_start(value_length, place) AS
         CASE WHEN place > 0 THEN place
              WHEN place = 0 OR -place > value_length THEN 1
              ELSE value_length + place + 1 END)",
    R"(CREATE OR REPLACE MACRO gsql_tail(value, place) AS
         substring(value, gsql_start(length(value), place)))",
    R"(CREATE OR REPLACE MACRO gsql_substr(value, place, count, otherwise) AS
         CASE WHEN count < 0 THEN otherwise
              ELSE substring(value, gsql_start(length(value), place), count) END)",
    R"(CREATE OR REPLACE MACRO gsql_bytes_tail(value, place) AS
         unhex(substring(hex(value), 2 * gsql_start(octet_length(value), place) - 1)))",
    R"(CREATE OR REPLACE MACRO gsql_bytes_substr(value, place, count, otherwise) AS
         CASE WHEN count < 0 THEN otherwise
              ELSE unhex(substring(hex(value), 2 * gsql_start(octet_length(value), place) - 1,
                                   2 * count)) END)",
    R"(CREATE OR REPLACE MACRO gsql_left(value, count, otherwise) AS
         CASE WHEN count < 0 THEN otherwise ELSE left(value, count) END)",
    R"(CREATE OR REPLACE MACRO gsql_right(value, count, otherwise) AS
         CASE WHEN count < 0 THEN otherwise ELSE right(value, count) END)",
    R"(CREATE OR REPLACE MACRO gsql_places(value, part, first, last) AS
         list_filter(generate_series(first, last),
                     lambda i: substring(value, i, length(part)) = part))",
    R"(CREATE OR REPLACE MACRO gsql_instr(value, part, place, occurrence, otherwise) AS
         CASE WHEN value IS NULL OR part IS NULL OR place IS NULL OR occurrence IS NULL THEN NULL
              WHEN place = 0 OR occurrence < 1 THEN otherwise
              WHEN place > 0 THEN
                coalesce(gsql_places(value, part, place, length(value) - length(part) + 1)
                             [occurrence], 0)
              ELSE coalesce(list_reverse(gsql_places(value, part, 1,
                                                     length(value) + place + 1))[occurrence], 0)
              END)",
    R"(CREATE OR REPLACE MACRO gsql_regexp_instr(value, pattern, place, occurrence, ending) AS
         CASE WHEN value IS NULL OR pattern IS NULL THEN NULL
              WHEN NOT regexp_matches(substring(value, place),
                                      '(?s)^(?:.*?(?:' || pattern || ')){' || occurrence || '}')
              THEN 0
              WHEN ending = 1 THEN
                place + length(regexp_extract(substring(value, place),
                    '(?s)^(?:.*?(?:' || pattern || ')){' || occurrence || '}', 0))
              ELSE place + length(regexp_extract(substring(value, place),
                    '(?s)^((?:.*?(?:' || pattern || ')){' || (occurrence - 1) || '}.*?)(?:' ||
                    pattern || ')', 1)) END)",
    R"(CREATE OR REPLACE MACRO gsql_offset_of(zone) AS
         to_minutes(CASE WHEN starts_with(zone, '-') THEN -1 ELSE 1 END *
                    (CAST(regexp_extract(zone, '^[+-]([0-9]{1,2})', 1) AS BIGINT) * 60 +
                     coalesce(TRY_CAST(regexp_extract(zone, ':([0-9]{2})$', 1) AS BIGINT), 0))))",
    R"(CREATE OR REPLACE MACRO gsql_to_local(value, zone) AS
         CASE WHEN regexp_full_match(zone, '[+-][0-9]{1,2}(:[0-9]{2})?')
              THEN (value AT TIME ZONE 'UTC') + gsql_offset_of(zone)
              ELSE value AT TIME ZONE zone END)",
    R"(CREATE OR REPLACE MACRO gsql_to_instant(value, zone) AS
         CASE WHEN regexp_full_match(zone, '[+-][0-9]{1,2}(:[0-9]{2})?')
              THEN (value - gsql_offset_of(zone)) AT TIME ZONE 'UTC'
              ELSE value AT TIME ZONE zone END)",
    R"(CREATE OR REPLACE MACRO gsql_zone_offset(value, local, separator) AS
         CASE WHEN local < value AT TIME ZONE 'UTC' THEN '-' ELSE '+' END ||
         lpad(CAST(abs(date_diff('minute', value AT TIME ZONE 'UTC', local)) // 60 AS VARCHAR),
              2, '0') || separator ||
         lpad(CAST(abs(date_diff('minute', value AT TIME ZONE 'UTC', local)) % 60 AS VARCHAR),
              2, '0'))",
    R"(CREATE OR REPLACE MACRO gsql_initcap(value) AS
         array_to_string(list_transform(
             regexp_extract_all(lower(value), '[\pL\pN]+|[^\pL\pN]+'),
             lambda word: upper(left(word, 1)) || substring(word, 2)), ''))",
    R"(CREATE OR REPLACE MACRO gsql_regexp_extract_all(value, pattern) AS
         CASE WHEN regexp_matches(replace(pattern, '\(', ''), '\(([^?]|\?P<)')
              THEN regexp_extract_all(value, pattern, 1)
              ELSE regexp_extract_all(value, pattern, 0) END)",
    R"(CREATE OR REPLACE MACRO gsql_time_format(format) AS
         replace(replace(replace(replace(format, '%F', '%Y-%m-%d'), '%T', '%H:%M:%S'),
                         '%R', '%H:%M'), '%D', '%m/%d/%y'))",
    R"(CREATE OR REPLACE MACRO gsql_json_type(value) AS
         CASE json_type(value)
              WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string'
              WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null'
              ELSE CASE WHEN value IS NOT NULL THEN 'number' END END)",
};

}  // namespace

std::vector<std::string_view> RuntimeMacros() { return {std::begin(kMacros), std::end(kMacros)}; }

std::vector<RuntimeFunction> RuntimeFunctions() {
  return {
      {"gsql_farm_fingerprint", "BLOB", "BIGINT",
       "farmhash's Fingerprint64 of the bytes, as a signed number"},
      {"gsql_sha512", "BLOB", "BLOB", "SHA-512 of the bytes, 64 bytes"},
      {"gsql_soundex", "VARCHAR", "VARCHAR", "a letter and three digits"},
      {"gsql_to_base32", "BLOB", "VARCHAR", "RFC 4648, padded"},
      {"gsql_from_base32", "VARCHAR", "BLOB", "an error for any other text"},
      {"gsql_json_edit", "VARCHAR, VARCHAR, VARCHAR, BOOLEAN", "VARCHAR",
       "a function's name, a document, its paths and values as a JSON array, its option"},
      {"gsql_justify", "INTERVAL, VARCHAR", "INTERVAL",
       "24 hours as a day, 30 days as a month: HOURS, DAYS or INTERVAL (both)"},
      {"gsql_interval_text", "INTERVAL", "VARCHAR", "Y-M D H:M:S[.F]"},
      {"gsql_javascript", "VARCHAR, VARCHAR, VARCHAR", "VARCHAR",
       "a function's code, its signature and its arguments as a JSON array; its result in JSON"},
  };
}

}  // namespace afluente::warehouse::googlesql
