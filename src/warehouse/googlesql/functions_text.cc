// Strings, bytes and regular expressions.
#include "warehouse/googlesql/format_text.h"
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

bool IsBytes(const CallContext& context) {
  return !context.args.empty() && context.args[0].type.Is(TypeCode::kBytes);
}

Emitted EmitConcat(CallContext& context) {
  std::string sql;
  for (const Emitted& arg : context.args) {
    Append(&sql, sql.empty() ? "(" : " || ", arg.sql);
  }
  return {sql + ")", context.args[0].type.Is(TypeCode::kBytes) ? SqlType(TypeCode::kBytes)
                                                               : SqlType(TypeCode::kString)};
}

Emitted EmitLength(CallContext& context) {
  const bool bytes = IsBytes(context);
  if (bytes) return {context.Fill("octet_length($1)"), TypeCode::kInt64};
  return {context.Fill(context.call.text == "BYTE_LENGTH" || context.call.text == "OCTET_LENGTH"
                           ? "strlen($1)"
                           : "length($1)"),
          TypeCode::kInt64};
}

bool IsPositiveLiteral(const Expression& expression) {
  return expression.kind == ExpressionKind::kInteger && expression.text != "0";
}

Emitted EmitSubstr(CallContext& context) {
  const bool length = context.args.size() > 2;
  if (IsBytes(context)) {
    return {context.Fill(length ? "gsql_bytes_substr($1, $2, $3, $E(Length must be non-negative))"
                                : "gsql_bytes_tail($1, $2)"),
            TypeCode::kBytes};
  }
  const bool plain = IsPositiveLiteral(*context.call.args[1]) &&
                     (!length || context.call.args[2]->kind == ExpressionKind::kInteger);
  if (plain) return {context.Fill("substring($*)"), TypeCode::kString};
  return {context.Fill(length ? "gsql_substr($1, $2, $3, $E(Third argument in SUBSTR cannot be "
                                "negative))"
                              : "gsql_tail($1, $2)"),
          TypeCode::kString};
}

// The number of capturing groups of a literal expression; BigQuery allows one.
int CaptureGroups(CallContext& context, size_t arg) {
  const std::string& pattern = context.Text(arg);
  int groups = 0;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') ++i;
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') ++i;
    } else if (c == '(') {
      const bool special = i + 1 < pattern.size() && pattern[i + 1] == '?';
      groups += !special || pattern.compare(i, 4, "(?P<") == 0 ? 1 : 0;
    }
  }
  if (groups > 1) {
    Fail(context.call.args[arg]->at, Cat("Regular expression passed to ", context.call.text,
                                         " must not have more than 1 capturing group"));
  }
  return groups;
}

std::string AllMatches(CallContext& context) {
  if (context.IsText(1)) {
    return Cat("regexp_extract_all($1, $2, ", CaptureGroups(context, 1), ")");
  }
  return "gsql_regexp_extract_all($1, $2)";
}

Emitted EmitRegexpExtract(CallContext& context) {
  if (IsBytes(context)) FailUnsupported(context.call.at, Cat(context.call.text, " of BYTES"));
  std::string all = AllMatches(context);
  if (context.args.size() > 2) {
    // From a position on: matches of what follows it.
    const size_t subject = all.find("$1");
    all.replace(subject, 2, "substring($1, CAST($3 AS BIGINT))");
  }
  const std::string_view which = context.args.size() > 3 ? "$4" : "1";
  return {context.Fill(Cat("list_extract(", all, ", ", which, ")")), TypeCode::kString};
}

Emitted EmitRegexpExtractAll(CallContext& context) {
  if (IsBytes(context)) FailUnsupported(context.call.at, Cat(context.call.text, " of BYTES"));
  return {context.Fill(AllMatches(context)), SqlType::Array(TypeCode::kString)};
}

Emitted EmitTrim(CallContext& context) {
  if (IsBytes(context)) FailUnsupported(context.call.at, Cat(context.call.text, " of BYTES"));
  const std::string name = Lower(context.call.text);
  const std::string_view characters =
      context.args.size() > 1 ? "$2" : "' \t\n\r\f\v\u0085\u00A0\u1680\u2028\u2029\u3000'";
  return {context.Fill(Cat(name, "($1, ", characters, ")")), TypeCode::kString};
}

Emitted EmitInstr(CallContext& context) {
  if (IsBytes(context)) FailUnsupported(context.call.at, "INSTR of BYTES");
  if (context.args.size() == 2) return {context.Fill("strpos($1, $2)"), TypeCode::kInt64};
  const std::string_view occurrence = context.args.size() > 3 ? "$4" : "1";
  return {context.Fill(Cat("gsql_instr($1, $2, $3, ", occurrence,
                           ", $E(Position and occurrence in INSTR must be positive))")),
          TypeCode::kInt64};
}

// What stands before the n-th match, or with it, is matched too: its length is the place.
Emitted EmitRegexpInstr(CallContext& context) {
  if (IsBytes(context)) FailUnsupported(context.call.at, "REGEXP_INSTR of BYTES");
  const size_t given = context.args.size();
  const std::string place = given > 2 ? "$3" : "1";
  const std::string occurrence = given > 3 ? "$4" : "1";
  const std::string end = given > 4 ? "$5" : "0";
  return {context.Fill(Cat("gsql_regexp_instr($1, $2, ", place, ", ", occurrence, ", ", end, ")")),
          TypeCode::kInt64};
}

// DuckDB makes one capital letter of ß where BigQuery makes two.
Emitted EmitUpper(CallContext& context) {
  const SqlType& type = context.args[0].type;
  if (type.known() && !type.Is(TypeCode::kString)) {
    Fail(context.call.at,
         Cat("No matching signature for function UPPER for argument types: ", GoogleName(type)));
  }
  return {context.Fill("upper(replace($1, 'ß', 'SS'))"), TypeCode::kString};
}

Emitted EmitNormalize(CallContext& context) {
  if (context.args.size() > 1) {
    const Expression& mode = *context.call.args[1];
    if (mode.text != "NFC") FailUnsupported(mode.at, Cat("NORMALIZE to ", mode.text));
  }
  return {Cat("nfc_normalize(", context.args[0].sql, ")"), TypeCode::kString};
}

Emitted EmitCollate(CallContext& context) {
  const Expression& name = *context.call.args[1];
  if (name.kind != ExpressionKind::kString) {
    Fail(name.at, "The second argument of COLLATE must be a string literal");
  }
  if (name.text.empty()) return {context.args[0].sql, TypeCode::kString};
  if (name.text != "und:ci") {
    Fail(name.at, Cat("Collation '", name.text, "' in collate function is not supported."));
  }
  return {Cat("(", context.args[0].sql, " COLLATE NOCASE)"), TypeCode::kString};
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"CONCAT", 1, -1, "", Result::kBytesOrString, kScalar, EmitConcat},
    {"LENGTH", 1, 1, "", Result::kInt64, kScalar, EmitLength},
    {"CHAR_LENGTH", 1, 1, "length($1)", Result::kInt64},
    {"CHARACTER_LENGTH", 1, 1, "length($1)", Result::kInt64},
    {"BYTE_LENGTH", 1, 1, "", Result::kInt64, kScalar, EmitLength},
    {"OCTET_LENGTH", 1, 1, "", Result::kInt64, kScalar, EmitLength},
    {"SUBSTR", 2, 3, "", Result::kBytesOrString, kScalar, EmitSubstr},
    {"SUBSTRING", 2, 3, "", Result::kBytesOrString, kScalar, EmitSubstr},
    {"LEFT", 2, 2, "gsql_left($1, $2, $E(Second argument in LEFT cannot be negative))",
     Result::kBytesOrString},
    {"RIGHT", 2, 2, "gsql_right($1, $2, $E(Second argument in RIGHT cannot be negative))",
     Result::kBytesOrString},
    {"UPPER", 1, 1, "", Result::kString, kScalar, EmitUpper},
    {"LOWER", 1, 1, "lower($1)", Result::kString},
    {"INITCAP", 1, 1, "gsql_initcap($1)", Result::kString, kScalar, nullptr, true, "",
     "words are separated by anything that is neither a letter nor a digit"},
    {"TRIM", 1, 2, "", Result::kString, kScalar, EmitTrim},
    {"LTRIM", 1, 2, "", Result::kString, kScalar, EmitTrim},
    {"RTRIM", 1, 2, "", Result::kString, kScalar, EmitTrim},
    {"LPAD", 2, 2, "lpad($1, CAST($2 AS INTEGER), ' ')", Result::kString},
    {"LPAD", 3, 3, "lpad($1, CAST($2 AS INTEGER), $3)", Result::kString},
    {"RPAD", 2, 2, "rpad($1, CAST($2 AS INTEGER), ' ')", Result::kString},
    {"RPAD", 3, 3, "rpad($1, CAST($2 AS INTEGER), $3)", Result::kString},
    {"REPLACE", 3, 3, "replace($1, $2, $3)", Result::kString},
    {"REVERSE", 1, 1, "array_to_string(list_reverse(string_split($1, '')), '')", Result::kString},
    {"REPEAT", 2, 2, "repeat($1, $2)", Result::kString},
    {"SPLIT", 1, 1, "string_split($1, ',')", Result::kStrings},
    {"SPLIT", 2, 2, "string_split($1, $2)", Result::kStrings},
    {"STARTS_WITH", 2, 2, "starts_with($1, $2)", Result::kBool},
    {"ENDS_WITH", 2, 2, "ends_with($1, $2)", Result::kBool},
    {"STRPOS", 2, 2, "strpos($1, $2)", Result::kInt64},
    {"INSTR", 2, 4, "", Result::kInt64, kScalar, EmitInstr},
    {"CONTAINS_SUBSTR", 2, 2, "contains(lower(CAST($1 AS VARCHAR)), lower($2))", Result::kBool,
     kScalar, nullptr, true, "", "letters' case aside, without Unicode normalization"},
    {"TRANSLATE", 3, 3, "translate($1, $2, $3)", Result::kString},
    {"ASCII", 1, 1, "CAST(ascii($1) AS BIGINT)", Result::kInt64},
    {"UNICODE", 1, 1, "CAST(greatest(unicode($1), 0) AS BIGINT)", Result::kInt64},
    {"CHR", 1, 1, "chr(CAST($1 AS INTEGER))", Result::kString},
    {"TO_CODE_POINTS", 1, 1,
     "list_transform(string_split($1, ''), lambda c: CAST(unicode(c) AS BIGINT))", Result::kInt64s},
    {"CODE_POINTS_TO_STRING", 1, 1,
     "array_to_string(list_transform($1, lambda c: chr(CAST(c AS INTEGER))), '')", Result::kString},
    {"EDIT_DISTANCE", 2, 2, "levenshtein($1, $2)", Result::kInt64},
    {"NORMALIZE", 1, 2, "", Result::kString, kScalar, EmitNormalize, true, "", "NFC alone"},
    {"COLLATE", 2, 2, "", Result::kString, kScalar, EmitCollate, true, "",
     "'und:ci' compares letters' case aside; a column's own collation is not kept"},
    {"SOUNDEX", 1, 1, "gsql_soundex($1)", Result::kString},
    {"TO_BASE32", 1, 1, "gsql_to_base32($1)", Result::kString},
    {"FROM_BASE32", 1, 1, "gsql_from_base32($1)", Result::kBytes},
    {"CODE_POINTS_TO_BYTES", 1, 1,
     "CASE WHEN list_count($1) = len($1) THEN unhex(array_to_string(list_transform($1, lambda c: "
     "format('{:02X}', c)), '')) END",
     Result::kBytes},
    {"TO_HEX", 1, 1, "lower(hex($1))", Result::kString},
    {"FROM_HEX", 1, 1, "unhex($1)", Result::kBytes},
    {"TO_BASE64", 1, 1, "to_base64($1)", Result::kString},
    {"FROM_BASE64", 1, 1, "from_base64($1)", Result::kBytes},
    {"SAFE_CONVERT_BYTES_TO_STRING", 1, 1, "TRY(decode($1))", Result::kString, kScalar, nullptr,
     true, "", "NULL where BigQuery gives replacement characters"},
    {"FORMAT", 1, -1, "", Result::kString, kScalar, EmitFormat, true, "",
     "a literal format with %d %i %u %x %X %o %f %e %g %s %t %T"},
    {"REGEXP_INSTR", 2, 5, "", Result::kInt64, kScalar, EmitRegexpInstr, true, "",
     "the whole match counts where BigQuery counts a capturing group"},
    {"REGEXP_CONTAINS", 2, 2, "regexp_matches($1, $2)", Result::kBool},
    {"REGEXP_EXTRACT", 2, 4, "", Result::kString, kScalar, EmitRegexpExtract},
    {"REGEXP_SUBSTR", 2, 4, "", Result::kString, kScalar, EmitRegexpExtract},
    {"REGEXP_EXTRACT_ALL", 2, 2, "", Result::kStrings, kScalar, EmitRegexpExtractAll},
    {"REGEXP_REPLACE", 3, 3, "regexp_replace($1, $2, $3, 'g')", Result::kString},
};

}  // namespace

std::span<const Function> TextFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
