#include "warehouse/googlesql/format_text.h"

#include "warehouse/googlesql/json_text.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// %T of a value: how GoogleSQL would write it as a literal.
std::string LiteralText(CallContext& context, const Emitted& value) {
  switch (value.type.code) {
    case TypeCode::kString:
      return JsonText(value);
    case TypeCode::kInt64:
    case TypeCode::kBool:
      return Cat("CAST(", value.sql, " AS VARCHAR)");
    case TypeCode::kDate:
      return Cat("('DATE \"' || CAST(", value.sql, " AS VARCHAR) || '\"')");
    default:
      FailUnsupported(context.call.at, Cat("FORMAT %T of ", GoogleName(value.type)));
  }
}

std::string Piece(CallContext& context, const std::string& flags, char type, size_t arg) {
  if (arg >= context.args.size()) {
    Fail(context.call.at, "Too few arguments to FORMAT for its format string");
  }
  const Emitted& value = context.args[arg];
  const std::string spec = "%" + flags + type;
  switch (type) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      if (value.type.known() && !value.type.Is(TypeCode::kInt64)) {
        Fail(context.call.at,
             Cat("Invalid type for FORMAT specifier ", spec, ": ", GoogleName(value.type)));
      }
      return Cat("printf(", QuoteText(type == 'i' ? "%" + flags + "d" : spec), ", CAST(", value.sql,
                 " AS BIGINT))");
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      return Cat("printf(", QuoteText(spec), ", CAST(", value.sql, " AS DOUBLE))");
    case 's':
      return Cat("printf(", QuoteText(spec), ", CAST(", value.sql, " AS VARCHAR))");
    case 't':
      return Cat("printf(", QuoteText("%" + flags + "s"), ", ",
                 context.emitter.EmitCast(value, TypeCode::kString, false, context.call.at).sql,
                 ")");
    case 'T':
      return Cat("printf(", QuoteText("%" + flags + "s"), ", ", LiteralText(context, value), ")");
    default:
      FailUnsupported(context.call.at, Cat("FORMAT specifier ", spec));
  }
}

}  // namespace

Emitted EmitFormat(CallContext& context) {
  if (!context.IsText(0)) {
    FailUnsupported(context.call.at, "FORMAT with a format that is not a string literal");
  }
  const std::string& format = context.Text(0);
  std::string sql = "(''";
  std::string plain;
  size_t arg = 1;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      plain += format[at];
      continue;
    }
    const size_t end = format.find_first_not_of("+-#0123456789. ", at + 1);
    if (end == std::string::npos) Fail(context.call.at, "Invalid FORMAT string: unfinished %");
    const std::string flags = format.substr(at + 1, end - at - 1);
    if (flags.size() > 8) Fail(context.call.at, "Invalid FORMAT string: width is too large");
    at = end;
    if (format[end] == '%') {
      plain += '%';
      continue;
    }
    if (!plain.empty()) Append(&sql, " || ", QuoteText(plain));
    plain.clear();
    Append(&sql, " || ", Piece(context, flags, format[end], arg++));
  }
  if (!plain.empty()) Append(&sql, " || ", QuoteText(plain));
  if (arg != context.args.size()) {
    Fail(context.call.at, "Too many arguments to FORMAT for its format string");
  }
  return {sql + ")", TypeCode::kString};
}

}  // namespace afluente::warehouse::googlesql
