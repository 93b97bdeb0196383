#include "warehouse/googlesql/time_format.h"

#include "warehouse/googlesql/sql_template.h"
#include "warehouse/googlesql/sql_type.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

struct Element {
  std::string_view name;    // behind %
  std::string_view plain;   // as a piece of DuckDB's format
  std::string_view custom;  // or as a template of its own
};

constexpr Element kElements[] = {
    {"A", "%A", ""},
    {"a", "%a", ""},
    {"B", "%B", ""},
    {"b", "%b", ""},
    {"h", "%b", ""},
    {"D", "%m/%d/%y", ""},
    {"d", "%d", ""},
    {"F", "%Y-%m-%d", ""},
    {"G", "%G", ""},
    {"H", "%H", ""},
    {"I", "%I", ""},
    {"j", "%j", ""},
    {"M", "%M", ""},
    {"m", "%m", ""},
    {"n", "\n", ""},
    {"p", "%p", ""},
    {"R", "%H:%M", ""},
    {"S", "%S", ""},
    {"T", "%H:%M:%S", ""},
    {"t", "\t", ""},
    {"U", "%U", ""},
    {"u", "%u", ""},
    {"V", "%V", ""},
    {"W", "%W", ""},
    {"w", "%w", ""},
    {"X", "%H:%M:%S", ""},
    {"x", "%m/%d/%y", ""},
    {"Y", "%Y", ""},
    {"y", "%y", ""},
    {"%", "%%", ""},
    {"E4Y", "%Y", ""},
    {"E3S", "%S.%g", ""},
    {"E6S", "%S.%f", ""},
    {"E*S", "", "rtrim(rtrim(strftime($1, '%S.%f'), '0'), '.')"},
    {"e", "", "lpad(strftime($1, '%-d'), 2, ' ')"},
    {"k", "", "lpad(strftime($1, '%-H'), 2, ' ')"},
    {"l", "", "lpad(strftime($1, '%-I'), 2, ' ')"},
    {"P", "", "lower(strftime($1, '%p'))"},
    {"Q", "", "CAST(date_part('quarter', $1) AS VARCHAR)"},
    {"C", "", "lpad(CAST(date_part('year', $1) // 100 AS VARCHAR), 2, '0')"},
    {"g", "", "right(strftime($1, '%G'), 2)"},
    {"s", "", "CAST(epoch_us($1) // 1000000 AS VARCHAR)"},
    {"c", "",
     "(strftime($1, '%a %b ') || lpad(strftime($1, '%-d'), 2, ' ') || "
     "strftime($1, ' %H:%M:%S %Y'))"},
};

const Element* FindElement(std::string_view rest) {
  for (const Element& element : kElements) {
    if (rest.starts_with(element.name)) return &element;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> FormatTemplate(std::string_view format) {
  std::string out;
  std::string plain;
  auto piece = [&out](std::string_view sql) { Append(&out, out.empty() ? "(" : " || ", sql); };
  auto flush = [&] {
    if (plain.empty()) return;
    piece(Cat("strftime($1, ", EscapeTemplate(QuoteText(plain)), ")"));
    plain.clear();
  };
  size_t at = 0;
  while (at < format.size()) {
    if (format[at] != '%') {
      plain += format[at++];
      continue;
    }
    const Element* element = FindElement(format.substr(at + 1));
    if (element == nullptr) return std::nullopt;
    at += 1 + element->name.size();
    if (element->custom.empty()) {
      plain += element->plain;
      continue;
    }
    flush();
    piece(element->custom);
  }
  flush();
  return out.empty() ? "''" : out + ")";
}

std::optional<ParseFormats> TranslateParseFormat(std::string_view format) {
  ParseFormats result;
  if (format == "%s") {
    result.epoch = true;
    return result;
  }
  std::string text;
  bool fraction = false;
  size_t at = 0;
  while (at < format.size()) {
    if (format[at] != '%') {
      text += format[at++];
      continue;
    }
    const std::string_view rest = format.substr(at + 1);
    if (rest.starts_with("z") || rest.starts_with("Ez")) {
      text += "%z";
      result.zoned = true;
      at += rest[0] == 'z' ? 2 : 3;
      continue;
    }
    if (rest.starts_with("E*S") || rest.starts_with("E3S") || rest.starts_with("E6S")) {
      fraction = true;
      text += "%S.%f";
      at += 4;
      continue;
    }
    if (rest.starts_with("e") || rest.starts_with("k") || rest.starts_with("l")) {
      text += rest[0] == 'e' ? "%d" : rest[0] == 'k' ? "%H" : "%I";
      at += 2;
      continue;
    }
    const Element* element = FindElement(rest);
    if (element == nullptr || !element->custom.empty()) return std::nullopt;
    text += element->plain;
    at += 1 + element->name.size();
  }
  result.formats.push_back(text);
  if (fraction) {
    const size_t place = text.find("%S.%f");
    result.formats.push_back(text.substr(0, place + 2) + text.substr(place + 5));
  }
  return result;
}

}  // namespace afluente::warehouse::googlesql
