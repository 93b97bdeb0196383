#include "warehouse/googlesql/sql_template.h"

#include <algorithm>

#include "warehouse/googlesql/sql_type.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr size_t kRepeatedArgumentMax = 200;

std::string Fill(std::string_view text, const std::vector<std::string>& args, bool safe) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[i + 1];
    if (next >= '1' && next <= '9') {
      const size_t index = static_cast<size_t>(next - '1');
      out += index < args.size() ? args[index] : "NULL";
      ++i;
    } else if (next == '$') {
      out += '$';
      ++i;
    } else if (next == '*') {
      for (size_t a = 0; a < args.size(); ++a) Append(&out, a == 0 ? "" : ", ", args[a]);
      ++i;
    } else if (next == 'E') {
      const size_t close = text.find(')', i);
      const std::string_view message = text.substr(i + 3, close - i - 3);
      out += safe ? "NULL" : Cat("error(", QuoteText(message), ")");
      i = close;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool Repeats(std::string_view text) {
  if (text.find("gsql_") != std::string_view::npos) return true;
  for (char digit = '1'; digit <= '9'; ++digit) {
    const char name[] = {'$', digit, '\0'};
    const size_t first = text.find(name);
    if (first != std::string_view::npos && text.find(name, first + 1) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// TRY refuses what is volatile, and `error` is.
bool MayBeVolatile(std::string_view sql) {
  for (std::string_view word : {"error(", "random(", "uuid(", "gsql_", "SELECT"}) {
    if (sql.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string EscapeTemplate(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '$') out += '$';
    out += c;
  }
  return out;
}

std::string Substitute(std::string_view text, std::string_view argument) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view pair = text.substr(i, 2);
    if (pair == "$1") {
      out += argument;
      ++i;
    } else if (pair == "$$") {
      out += pair;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Expand(std::string_view text, const std::vector<std::string>& args, bool safe) {
  bool bind = false;
  const bool repeats = Repeats(text);
  for (const std::string& arg : args) {
    bind = bind || (repeats && arg.size() > kRepeatedArgumentMax) || (safe && MayBeVolatile(arg));
  }
  if (!bind) {
    std::string body = Fill(text, args, safe);
    return safe ? Cat("TRY(", body, ")") : body;
  }
  std::string packed;
  std::vector<std::string> names;
  for (size_t i = 0; i < args.size(); ++i) {
    Append(&packed, i == 0 ? "" : ", ", "a", i + 1, " := ", args[i]);
    names.push_back(Cat("p.a", i + 1));
  }
  const std::string body = Fill(text, names, safe);
  return Cat("list_transform([struct_pack(", packed, ")], lambda p: ", safe ? "TRY(" : "", body,
             safe ? ")" : "", ")[1]");
}

}  // namespace afluente::warehouse::googlesql
