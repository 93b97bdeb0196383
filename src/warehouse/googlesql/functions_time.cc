// Dates and times.
#include "warehouse/googlesql/date_part.h"
#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/text.h"
#include "warehouse/googlesql/time_format.h"
#include "warehouse/googlesql/time_zone.h"

namespace afluente::warehouse::googlesql {
namespace {

// DATE_ADD -> DATE, TIMESTAMP_DIFF -> TIMESTAMP.
SqlType Family(std::string_view name) {
  if (name.starts_with("DATETIME")) return TypeCode::kDatetime;
  if (name.starts_with("DATE")) return TypeCode::kDate;
  return name.starts_with("TIMESTAMP") ? TypeCode::kTimestamp : TypeCode::kTime;
}

// Text literals become the family's type.
std::string Typed(const CallContext& context, size_t arg, const SqlType& type) {
  const Emitted& value = context.args[arg];
  const bool text = value.type.Is(TypeCode::kString) || !value.type.known();
  return text ? Cat("CAST(", value.sql, " AS ", TemplateType(type), ")") : value.sql;
}

Emitted EmitNow(CallContext& context) {
  const TransformRules* const transform = context.emitter.transform();
  std::string now = "now()";
  if (transform != nullptr) {
    now = transform->publish_time;
  } else {
    context.emitter.MarkNotDeterministic(context.call);
  }
  const std::string& name = context.call.text;
  const SqlType type = name == "CURRENT_DATE"        ? TypeCode::kDate
                       : name == "CURRENT_TIMESTAMP" ? TypeCode::kTimestamp
                       : name == "CURRENT_TIME"      ? TypeCode::kTime
                                                     : TypeCode::kDatetime;
  if (type.Is(TypeCode::kTimestamp)) return {now, type};
  const std::string zone = context.args.empty() ? "'UTC'" : context.args[0].sql;
  return {Cat("CAST(", ToLocal(now, zone), " AS ", DuckdbName(type), ")"), type};
}

Emitted EmitDate(CallContext& context) {
  if (context.args.size() == 3) return {context.Fill("make_date($1, $2, $3)"), TypeCode::kDate};
  if (context.args.size() == 2) {
    return {Cat("CAST(", ToLocal(context.args[0].sql, context.args[1].sql), " AS DATE)"),
            TypeCode::kDate};
  }
  return {context.Fill("CAST($1 AS DATE)"), TypeCode::kDate};
}

Emitted EmitDatetime(CallContext& context) {
  const bool time = context.args.size() == 2 && context.args[1].type.Is(TypeCode::kTime);
  if (context.args.size() == 2 && !time) {
    const std::string instant = Cat("CAST(", context.args[0].sql, " AS TIMESTAMPTZ)");
    return {ToLocal(instant, context.args[1].sql), TypeCode::kDatetime};
  }
  const std::string_view text = context.args.size() == 6
                                    ? "make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE))"
                                : time ? "(CAST($1 AS DATE) + $2)"
                                       : "CAST($1 AS TIMESTAMP)";
  return {context.Fill(text), TypeCode::kDatetime};
}

Emitted EmitTimestamp(CallContext& context) {
  if (context.args.size() == 2) {
    const std::string local = Cat("CAST(", context.args[0].sql, " AS TIMESTAMP)");
    const std::string instant = ToInstant(local, context.args[1].sql);
    return {context.safe() ? Cat("TRY(", instant, ")") : instant, TypeCode::kTimestamp};
  }
  return {context.Fill("CAST($1 AS TIMESTAMPTZ)"), TypeCode::kTimestamp};
}

Emitted EmitTime(CallContext& context) {
  if (context.args.size() == 1) {
    return context.emitter.EmitCast(context.args[0], TypeCode::kTime, context.safe(),
                                    context.call.at);
  }
  if (context.args.size() == 2) {
    return {Cat("CAST(", ToLocal(context.args[0].sql, context.args[1].sql), " AS TIME)"),
            TypeCode::kTime};
  }
  return {context.Fill("make_time($1, $2, CAST($3 AS DOUBLE))"), TypeCode::kTime};
}

Emitted EmitAdd(CallContext& context) {
  const std::string& name = context.call.text;
  SqlType type = Family(name);
  if (context.call.args[1]->kind != ExpressionKind::kInterval) {
    Fail(context.call.args[1]->at, Cat("Second argument of ", name, " must be an INTERVAL"));
  }
  // DATE_ADD of a DATETIME or TIMESTAMP keeps its type.
  if (type.Is(TypeCode::kDate) && context.args[0].type.known() &&
      !context.args[0].type.Is(TypeCode::kString)) {
    type = context.args[0].type;
  }
  const std::string sql = Expand(
      Cat("CAST($1 ", name.ends_with("_ADD") ? "+" : "-", " $2 AS ", TemplateType(type), ")"),
      {Typed(context, 0, type), context.args[1].sql}, context.safe());
  return {sql, type};
}

std::string Part(CallContext& context, size_t arg) {
  const Expression& part = *context.call.args[arg];
  if (part.kind != ExpressionKind::kDatePart) {
    Fail(part.at, Cat("A valid date part name is required in ", context.call.text));
  }
  return part.text;
}

[[noreturn]] void BadPart(CallContext& context, size_t arg) {
  Fail(context.call.args[arg]->at,
       Cat("Unsupported date part ", context.call.args[arg]->text, " in ", context.call.text));
}

Emitted EmitDiff(CallContext& context) {
  const SqlType type = Family(context.call.text);
  const std::string part = Part(context, 2);
  const std::vector<std::string> args = {Typed(context, 0, type), Typed(context, 1, type)};
  std::string text = BoundariesTemplate(part);
  if (type.Is(TypeCode::kTimestamp)) {
    // Whole units, where the other families count boundaries.
    const bool unit =
        part == "DAY" || part == "HOUR" || part == "MINUTE" || part.ends_with("SECOND");
    text = unit && !text.empty() ? Cat("date_sub('", Lower(part), "', $2, $1)") : "";
  }
  if (text.empty() || (type.Is(TypeCode::kDate) && part.ends_with("SECOND"))) BadPart(context, 2);
  return {Cat("CAST(", Expand(text, args, context.safe()), " AS BIGINT)"), TypeCode::kInt64};
}

Emitted EmitTrunc(CallContext& context) {
  SqlType type = Family(context.call.text);
  const std::string text = TruncTemplate(Part(context, 1));
  if (text.empty()) BadPart(context, 1);
  if (context.args[0].type.known() && !context.args[0].type.Is(TypeCode::kString)) {
    type = context.args[0].type;
  }
  std::string value = Typed(context, 0, type);
  if (context.args.size() > 2) {
    const std::string& zone = context.args[2].sql;
    return {ToInstant(Expand(text, {ToLocal(value, zone)}, false), zone), type};
  }
  if (type.Is(TypeCode::kTime)) {
    value = Cat("(DATE '1970-01-01' + ", value, ")");
  }
  return {Cat("CAST(", Expand(text, {value}, context.safe()), " AS ", TemplateType(type), ")"),
          type};
}

Emitted EmitLastDay(CallContext& context) {
  const std::string part = context.args.size() > 1 ? Part(context, 1) : "MONTH";
  const std::string trunc = TruncTemplate(part);
  const std::string_view length = part == "MONTH"        ? "to_months(1)"
                                  : part == "QUARTER"    ? "to_months(3)"
                                  : part == "YEAR"       ? "to_years(1)"
                                  : WeekStart(part) >= 0 ? "to_days(7)"
                                                         : "";
  if (length.empty() || trunc.empty()) BadPart(context, 1);
  return {Expand(Cat("CAST(", trunc, " + ", length, " - to_days(1) AS DATE)"),
                 {Typed(context, 0, TypeCode::kDate)}, context.safe()),
          TypeCode::kDate};
}

// A format with %Ez or %z, whose text depends on the zone: written in pieces. nullopt: it has none.
std::optional<Emitted> EmitWithOffset(CallContext& context, const std::string& instant,
                                      const std::string& zone) {
  const std::string& format = context.Text(0);
  const std::string local = ToLocal(instant, zone);
  std::string sql;
  size_t start = 0;
  auto add = [&](const std::string& piece) { Append(&sql, sql.empty() ? "(" : " || ", piece); };
  for (size_t at = 0; at + 1 < format.size(); ++at) {
    if (format[at] != '%') continue;
    const bool colon = format.compare(at, 3, "%Ez") == 0;
    if (!colon && format.compare(at, 2, "%z") != 0) {
      ++at;
      continue;
    }
    if (at > start) {
      const std::optional<std::string> piece = FormatTemplate(format.substr(start, at - start));
      if (!piece) return std::nullopt;
      add(Expand(*piece, {local}, false));
    }
    add(Cat("gsql_zone_offset(", instant, ", ", local, ", ", colon ? "':'" : "''", ")"));
    start = at + (colon ? 3 : 2);
    at = start - 1;
  }
  if (start == 0) return std::nullopt;
  if (start < format.size()) {
    const std::optional<std::string> piece = FormatTemplate(format.substr(start));
    if (!piece) return std::nullopt;
    add(Expand(*piece, {local}, false));
  }
  return Emitted{sql + ")", TypeCode::kString};
}

// FORMAT_DATE(format, value[, zone]).
Emitted EmitFormatTime(CallContext& context) {
  const SqlType type = Family(context.call.text.substr(7));
  std::string value = Typed(context, 1, type);
  const bool zoned = type.Is(TypeCode::kTimestamp);
  if (zoned) {
    const std::string zone = context.args.size() > 2 ? context.args[2].sql : "'UTC'";
    if (context.IsText(0) && context.args.size() > 2) {
      if (auto offset = EmitWithOffset(context, value, zone)) return *offset;
    }
    value = ToLocal(value, zone);
  } else if (type.Is(TypeCode::kTime)) {
    value = Cat("(DATE '1970-01-01' + ", value, ")");
  }
  if (!context.IsText(0)) {
    return {Cat("strftime(", value, ", gsql_time_format(", context.args[0].sql, "))"),
            TypeCode::kString};
  }
  std::string format = context.Text(0);
  if (zoned && context.args.size() < 3) {
    // Without a zone it is UTC.
    for (const auto& [name, text] : {std::pair<std::string_view, std::string_view>("%Ez", "+00:00"),
                                     {"%z", "+0000"},
                                     {"%Z", "UTC"}}) {
      for (size_t at = format.find(name); at != std::string::npos; at = format.find(name, at)) {
        format.replace(at, name.size(), text);
      }
    }
  }
  const std::optional<std::string> text = FormatTemplate(format);
  if (!text.has_value()) {
    FailUnsupported(context.call.args[0]->at, Cat("The format ", QuoteText(context.Text(0))));
  }
  return {Expand(*text, {value}, context.safe()), TypeCode::kString};
}

// PARSE_DATE(format, text), PARSE_TIMESTAMP(format, text[, zone]).
Emitted EmitParseTime(CallContext& context) {
  const SqlType type = Family(context.call.text.substr(6));
  if (!context.IsText(0)) {
    FailUnsupported(context.call.args[0]->at, "A format that is not a string literal");
  }
  const std::optional<ParseFormats> parsed = TranslateParseFormat(context.Text(0));
  if (!parsed.has_value()) {
    FailUnsupported(context.call.args[0]->at, Cat("The format ", QuoteText(context.Text(0))));
  }
  std::string text;
  if (parsed->epoch) {
    text = "make_timestamp(CAST($1 AS BIGINT) * 1000000)";
  } else {
    std::string list;
    for (const std::string& format : parsed->formats) {
      Append(&list, list.empty() ? "" : ", ", EscapeTemplate(QuoteText(format)));
    }
    text = parsed->formats.size() == 1 ? Cat("strptime($1, ", list, ")")
                                       : Cat("strptime($1, [", list, "])");
  }
  if (type.Is(TypeCode::kTimestamp) && !parsed->zoned) {
    // The zone of a literal is written in, so that offsets work too.
    const std::string given = context.args.size() > 2 ? context.args[2].sql : "'UTC'";
    text = ToInstant(text, given.front() == '\'' ? EscapeTemplate(given) : "$2");
  } else {
    text = Cat("CAST(", text, " AS ", TemplateType(type), ")");
  }
  const std::string zone = context.args.size() > 2 ? context.args[2].sql : "'UTC'";
  return {Expand(text, {context.args[1].sql, zone}, context.safe()), type};
}

Emitted EmitDateArray(CallContext& context) {
  const bool dates = context.call.text == "GENERATE_DATE_ARRAY";
  const SqlType type = dates ? TypeCode::kDate : TypeCode::kTimestamp;
  const std::string step = context.args.size() > 2 ? context.args[2].sql : "to_days(1)";
  if (context.args.size() > 2 && context.call.args[2]->kind != ExpressionKind::kInterval) {
    Fail(context.call.args[2]->at,
         Cat("Third argument of ", context.call.text, " must be an INTERVAL"));
  }
  const std::string_view text = dates ? "CAST(generate_series(CAST($1 AS TIMESTAMP), CAST($2 AS "
                                        "TIMESTAMP), $3) AS DATE[])"
                                      : "generate_series($1, $2, $3)";
  return {Expand(text, {Typed(context, 0, type), Typed(context, 1, type), step}, context.safe()),
          SqlType::Array(type)};
}

constexpr FunctionKind kScalar = FunctionKind::kScalar;

constexpr Function kFunctions[] = {
    {"CURRENT_DATE", 0, 1, "", Result::kDate, kScalar, EmitNow},
    {"CURRENT_DATETIME", 0, 1, "", Result::kDatetime, kScalar, EmitNow},
    {"CURRENT_TIME", 0, 1, "", Result::kTime, kScalar, EmitNow},
    {"CURRENT_TIMESTAMP", 0, 0, "", Result::kTimestamp, kScalar, EmitNow},
    {"DATE", 1, 3, "", Result::kDate, kScalar, EmitDate},
    {"DATETIME", 1, 2, "", Result::kDatetime, kScalar, EmitDatetime},
    {"DATETIME", 6, 6, "", Result::kDatetime, kScalar, EmitDatetime},
    {"TIMESTAMP", 1, 2, "", Result::kTimestamp, kScalar, EmitTimestamp},
    {"TIME", 1, 3, "", Result::kTime, kScalar, EmitTime},
    {"DATE_ADD", 2, 2, "", Result::kDate, kScalar, EmitAdd},
    {"DATE_SUB", 2, 2, "", Result::kDate, kScalar, EmitAdd},
    {"DATETIME_ADD", 2, 2, "", Result::kDatetime, kScalar, EmitAdd},
    {"DATETIME_SUB", 2, 2, "", Result::kDatetime, kScalar, EmitAdd},
    {"TIMESTAMP_ADD", 2, 2, "", Result::kTimestamp, kScalar, EmitAdd},
    {"TIMESTAMP_SUB", 2, 2, "", Result::kTimestamp, kScalar, EmitAdd},
    {"TIME_ADD", 2, 2, "", Result::kTime, kScalar, EmitAdd},
    {"TIME_SUB", 2, 2, "", Result::kTime, kScalar, EmitAdd},
    {"DATE_DIFF", 3, 3, "", Result::kInt64, kScalar, EmitDiff},
    {"DATETIME_DIFF", 3, 3, "", Result::kInt64, kScalar, EmitDiff},
    {"TIMESTAMP_DIFF", 3, 3, "", Result::kInt64, kScalar, EmitDiff},
    {"TIME_DIFF", 3, 3, "", Result::kInt64, kScalar, EmitDiff},
    {"DATE_TRUNC", 2, 2, "", Result::kDate, kScalar, EmitTrunc},
    {"DATETIME_TRUNC", 2, 2, "", Result::kDatetime, kScalar, EmitTrunc},
    {"TIMESTAMP_TRUNC", 2, 3, "", Result::kTimestamp, kScalar, EmitTrunc},
    {"TIME_TRUNC", 2, 2, "", Result::kTime, kScalar, EmitTrunc},
    {"LAST_DAY", 1, 2, "", Result::kDate, kScalar, EmitLastDay},
    {"FORMAT_DATE", 2, 2, "", Result::kString, kScalar, EmitFormatTime},
    {"FORMAT_DATETIME", 2, 2, "", Result::kString, kScalar, EmitFormatTime},
    {"FORMAT_TIMESTAMP", 2, 3, "", Result::kString, kScalar, EmitFormatTime},
    {"FORMAT_TIME", 2, 2, "", Result::kString, kScalar, EmitFormatTime},
    {"PARSE_DATE", 2, 2, "", Result::kDate, kScalar, EmitParseTime},
    {"PARSE_DATETIME", 2, 2, "", Result::kDatetime, kScalar, EmitParseTime},
    {"PARSE_TIMESTAMP", 2, 3, "", Result::kTimestamp, kScalar, EmitParseTime},
    {"PARSE_TIME", 2, 2, "", Result::kTime, kScalar, EmitParseTime},
    {"UNIX_SECONDS", 1, 1, "CAST(floor(epoch_us($1) / 1000000) AS BIGINT)", Result::kInt64},
    {"UNIX_MILLIS", 1, 1, "CAST(floor(epoch_us($1) / 1000) AS BIGINT)", Result::kInt64},
    {"UNIX_MICROS", 1, 1, "epoch_us($1)", Result::kInt64},
    {"UNIX_DATE", 1, 1, "CAST(($1 - DATE '1970-01-01') AS BIGINT)", Result::kInt64},
    {"DATE_FROM_UNIX_DATE", 1, 1, "(DATE '1970-01-01' + CAST($1 AS INTEGER))", Result::kDate},
    {"TIMESTAMP_SECONDS", 1, 1, "CAST(make_timestamp($1 * 1000000) AS TIMESTAMPTZ)",
     Result::kTimestamp},
    {"TIMESTAMP_MILLIS", 1, 1, "CAST(make_timestamp($1 * 1000) AS TIMESTAMPTZ)",
     Result::kTimestamp},
    {"TIMESTAMP_MICROS", 1, 1, "CAST(make_timestamp($1) AS TIMESTAMPTZ)", Result::kTimestamp},
    {"GENERATE_DATE_ARRAY", 2, 3, "", Result::kArrayOfArgument, kScalar, EmitDateArray},
    {"GENERATE_TIMESTAMP_ARRAY", 3, 3, "", Result::kArrayOfArgument, kScalar, EmitDateArray},
};

}  // namespace

std::span<const Function> TimeFunctions() { return kFunctions; }

}  // namespace afluente::warehouse::googlesql
