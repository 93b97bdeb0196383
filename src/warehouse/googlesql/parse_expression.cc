// Operators by precedence, from OR down to postfix.
#include <array>
#include <span>

#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

// Binary operators from loose to tight.
constexpr std::array<std::array<std::string_view, 3>, 6> kLevels = {{
    {"|", "", ""},
    {"^", "", ""},
    {"&", "", ""},
    {"<<", ">>", ""},
    {"+", "-", ""},
    {"*", "/", "||"},
}};

}  // namespace

ExpressionPtr Parser::ParseExpression() {
  Nesting nesting(this);
  return ParseOr();
}

ExpressionPtr Parser::ParseOr() {
  ExpressionPtr left = ParseAnd();
  if (!IsWord("OR")) return left;
  ExpressionPtr chain = Make(ExpressionKind::kBinary, left->at, "OR");
  Add(chain.get(), std::move(left));
  while (TakeWord("OR")) Add(chain.get(), ParseAnd());
  return chain;
}

ExpressionPtr Parser::ParseAnd() {
  ExpressionPtr left = ParseNot();
  if (!IsWord("AND")) return left;
  ExpressionPtr chain = Make(ExpressionKind::kBinary, left->at, "AND");
  Add(chain.get(), std::move(left));
  while (TakeWord("AND")) Add(chain.get(), ParseNot());
  return chain;
}

ExpressionPtr Parser::ParseNot() {
  if (!IsWord("NOT")) return ParseComparison();
  Nesting nesting(this);
  ExpressionPtr result = Make(ExpressionKind::kUnary, Take().at, "NOT");
  Add(result.get(), ParseNot());
  return result;
}

ExpressionPtr Parser::ParseComparison() {
  ExpressionPtr left = ParseOperators(0);
  ExpressionPtr result = ParseComparisonTail(std::move(left));
  if (result->kind == ExpressionKind::kIs) {
    while (IsWord("IS")) result = ParseComparisonTail(std::move(result));
  }
  return result;
}

ExpressionPtr Parser::ParseComparisonTail(ExpressionPtr left) {
  const size_t at = Peek().at;
  for (std::string_view symbol : {"=", "!=", "<>", "<=", ">=", "<", ">"}) {
    if (!TakeSymbol(symbol)) continue;
    ExpressionPtr result = Make(ExpressionKind::kCompare, at, std::string(symbol));
    Add(result.get(), std::move(left));
    Add(result.get(), ParseOperators(0));
    return result;
  }
  if (TakeWord("IS")) return ParseIs(std::move(left), at);
  const bool negated =
      IsWord("NOT") && (IsWord("LIKE", 1) || IsWord("IN", 1) || IsWord("BETWEEN", 1));
  if (negated) Take();
  if (TakeWord("IN")) return ParseIn(std::move(left), negated, at);
  if (TakeWord("LIKE")) {
    if (IsWord("ANY") || IsWord("SOME") || IsWord("ALL")) {
      FailUnsupported(Peek().at, "LIKE ANY, SOME and ALL");
    }
    ExpressionPtr result = Make(ExpressionKind::kLike, at, "LIKE");
    result->negated = negated;
    Add(result.get(), std::move(left));
    Add(result.get(), ParseOperators(0));
    return result;
  }
  if (TakeWord("BETWEEN")) {
    ExpressionPtr result = Make(ExpressionKind::kBetween, at);
    result->negated = negated;
    Add(result.get(), std::move(left));
    Add(result.get(), ParseOperators(0));
    ExpectWord("AND");
    Add(result.get(), ParseOperators(0));
    return result;
  }
  return left;
}

ExpressionPtr Parser::ParseIn(ExpressionPtr left, bool negated, size_t at) {
  ExpressionPtr result = Make(ExpressionKind::kIn, at);
  result->negated = negated;
  Add(result.get(), std::move(left));
  if (TakeWord("UNNEST")) {
    result->text = "UNNEST";
    ExpectSymbol("(");
    Add(result.get(), ParseExpression());
    ExpectSymbol(")");
    return result;
  }
  ExpectSymbol("(");
  if (AtQuery()) {
    CheckBound(++subqueries_, kSubqueriesMax, "subqueries in expressions", result->at);
    result->query = ParseQuery();
  } else {
    do {
      Add(result.get(), ParseExpression());
    } while (TakeSymbol(","));
  }
  ExpectSymbol(")");
  return result;
}

ExpressionPtr Parser::ParseIs(ExpressionPtr left, size_t at) {
  const bool negated = TakeWord("NOT");
  if (TakeWord("DISTINCT")) {
    ExpectWord("FROM");
    ExpressionPtr result = Make(ExpressionKind::kDistinct, at);
    result->negated = negated;
    Add(result.get(), std::move(left));
    Add(result.get(), ParseOperators(0));
    return result;
  }
  for (std::string_view word : {"NULL", "TRUE", "FALSE"}) {
    if (!TakeWord(word)) continue;
    ExpressionPtr result = Make(ExpressionKind::kIs, at, std::string(word));
    result->negated = negated;
    Add(result.get(), std::move(left));
    return result;
  }
  if (IsWord("UNKNOWN")) FailUnsupported(Peek().at, "IS UNKNOWN");
  Unexpected();
}

ExpressionPtr Parser::ParseOperators(int level) {
  if (level == static_cast<int>(kLevels.size())) return ParseUnary();
  ExpressionPtr left = ParseOperators(level + 1);
  while (true) {
    std::string symbol;
    for (std::string_view candidate : kLevels[static_cast<size_t>(level)]) {
      if (!candidate.empty() && IsSymbol(candidate)) symbol = candidate;
    }
    if (symbol.empty()) return left;
    const size_t at = Take().at;
    ExpressionPtr right = ParseOperators(level + 1);
    if (symbol == "||" && left->kind == ExpressionKind::kBinary && left->text == "||" &&
        !left->parenthesised) {
      Add(left.get(), std::move(right));
      continue;
    }
    ExpressionPtr result = Make(ExpressionKind::kBinary, at, symbol);
    Add(result.get(), std::move(left));
    Add(result.get(), std::move(right));
    left = std::move(result);
  }
}

ExpressionPtr Parser::ParseUnary() {
  for (std::string_view symbol : {"-", "+", "~"}) {
    if (!IsSymbol(symbol)) continue;
    Nesting nesting(this);
    ExpressionPtr result = Make(ExpressionKind::kUnary, Take().at, std::string(symbol));
    Add(result.get(), ParseUnary());
    return result;
  }
  return ParsePostfix();
}

ExpressionPtr Parser::ParsePostfix() {
  ExpressionPtr base = ParsePrimary();
  while (true) {
    if (IsSymbol("[")) {
      base = ParseSubscript(std::move(base));
    } else if (IsSymbol(".") && (IsName(1) || Peek(1).kind == TokenKind::kKeyword)) {
      Take();
      const Token name = Take();
      ExpressionPtr field = Make(ExpressionKind::kField, name.at, name.text);
      Add(field.get(), std::move(base));
      base = std::move(field);
    } else {
      return base;
    }
  }
}

ExpressionPtr Parser::ParseSubscript(ExpressionPtr base) {
  ExpressionPtr result = Make(ExpressionKind::kSubscript, ExpectSymbol("["));
  for (std::string_view word : {"OFFSET", "ORDINAL", "SAFE_OFFSET", "SAFE_ORDINAL"}) {
    if (IsWord(word) && IsSymbol("(", 1)) {
      result->text = word;
      at_ += 2;
      break;
    }
  }
  Add(result.get(), std::move(base));
  Add(result.get(), ParseExpression());
  if (!result->text.empty()) ExpectSymbol(")");
  ExpectSymbol("]");
  return result;
}

std::vector<ExpressionPtr> Parser::ParseExpressionList() {
  std::vector<ExpressionPtr> list;
  do {
    list.push_back(ParseExpression());
  } while (TakeSymbol(","));
  return list;
}

std::vector<OrderItem> Parser::ParseOrderBy() {
  std::vector<OrderItem> items;
  do {
    OrderItem item;
    item.expression = ParseExpression();
    if (IsWord("COLLATE")) FailUnsupported(Peek().at, "COLLATE");
    if (TakeWord("DESC")) {
      item.descending = true;
    } else {
      TakeWord("ASC");
    }
    if (TakeWords("NULLS", "FIRST")) {
      item.nulls_first = true;
    } else if (TakeWords("NULLS", "LAST")) {
      item.nulls_first = false;
    }
    items.push_back(std::move(item));
    CheckBound(items.size(), kKeysMax, "ORDER BY keys", Peek().at);
  } while (TakeSymbol(","));
  return items;
}

}  // namespace afluente::warehouse::googlesql
