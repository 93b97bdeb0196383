#include "warehouse/googlesql/positional.h"

#include "warehouse/googlesql/lexer.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

std::string WordAt(const std::vector<Token>& tokens, size_t i) {
  if (i >= tokens.size()) return "";
  const Token& token = tokens[i];
  const bool word = token.kind == TokenKind::kIdentifier || token.kind == TokenKind::kKeyword;
  return word ? token.upper : "";
}

// What follows CREATE, DROP or ALTER, its modifiers left out.
std::string ObjectAfter(const std::vector<Token>& tokens, size_t i) {
  while (true) {
    const std::string word = WordAt(tokens, i);
    const bool modifier = word == "OR" || word == "REPLACE" || word == "TEMP" ||
                          word == "TEMPORARY" || word == "AGGREGATE";
    if (!modifier) return word;
    ++i;
  }
}

bool IsScript(const std::vector<Token>& tokens, const std::string& first) {
  static constexpr std::string_view kWords[] = {"DECLARE", "SET",    "IF",      "LOOP",    "WHILE",
                                                "REPEAT",  "BEGIN",  "FOR",     "EXECUTE", "CALL",
                                                "RAISE",   "COMMIT", "ROLLBACK"};
  for (std::string_view word : kWords) {
    if (first == word) return true;
  }
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    const bool semicolon = tokens[i].kind == TokenKind::kSymbol && tokens[i].text == ";";
    if (semicolon && tokens[i + 1].kind != TokenKind::kEnd) return true;
  }
  return false;
}

}  // namespace

std::string PositionalName(size_t index) { return Cat("positional_", index); }

absl::StatusOr<std::string> NamePositional(std::string_view statement, size_t given) {
  std::vector<Token> tokens;
  try {
    tokens = Tokenize(statement);
  } catch (const SqlError&) {
    return std::string(statement);
  }
  std::string named;
  size_t from = 0;
  size_t index = 0;
  for (const Token& token : tokens) {
    if (token.kind != TokenKind::kPositional) continue;
    if (++index > given) {
      return ToStatus({absl::StatusCode::kInvalidArgument,
                       Cat("Query parameter number ", index, " is not defined"), token.at},
                      statement);
    }
    named += statement.substr(from, token.at - from);
    named += Cat("@", PositionalName(index));
    from = token.end;
  }
  named += statement.substr(from);
  return named;
}

std::string StatementType(std::string_view statement) {
  std::vector<Token> tokens;
  try {
    tokens = Tokenize(statement);
  } catch (const SqlError&) {
    return "SELECT";
  }
  const std::string first = WordAt(tokens, 0);
  if (IsScript(tokens, first)) return "SCRIPT";
  for (std::string_view word : {"INSERT", "UPDATE", "DELETE", "MERGE"}) {
    if (first == word) return first;
  }
  if (first == "TRUNCATE") return "TRUNCATE_TABLE";
  if (first != "CREATE" && first != "DROP" && first != "ALTER") return "SELECT";
  const std::string object = ObjectAfter(tokens, 1);
  if (first != "CREATE" || object != "TABLE") return Cat(first, "_", object);
  int depth = 0;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::kSymbol && token.text == "(") ++depth;
    if (token.kind == TokenKind::kSymbol && token.text == ")") --depth;
    const bool as = token.kind == TokenKind::kKeyword && token.upper == "AS";
    if (depth == 0 && as) return "CREATE_TABLE_AS_SELECT";
  }
  return "CREATE_TABLE";
}

}  // namespace afluente::warehouse::googlesql
