// Function calls and windows.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr std::string_view kDateParts[] = {"YEAR",       "ISOYEAR",   "QUARTER",     "MONTH",
                                           "WEEK",       "ISOWEEK",   "DAY",         "HOUR",
                                           "MINUTE",     "SECOND",    "MILLISECOND", "MICROSECOND",
                                           "NANOSECOND", "DAYOFWEEK", "DAYOFYEAR"};

// Which argument is a part of a date where others take an expression; 0 when none is.
size_t DatePartArgument(std::string_view function) {
  if (function.ends_with("_DIFF")) return 2;
  return function.ends_with("_TRUNC") || function == "LAST_DAY" ? 1 : 0;
}

}  // namespace

bool Parser::AtDatePart() const {
  if (Peek().kind != TokenKind::kIdentifier) return false;
  const bool part =
      std::find(std::begin(kDateParts), std::end(kDateParts), Peek().upper) != std::end(kDateParts);
  return part &&
         (IsSymbol(")", 1) || IsSymbol(",", 1) || (Peek().upper == "WEEK" && IsSymbol("(", 1)));
}

// The whole of `a.b.c(`: how many tokens it takes, 0 when no call stands here.
size_t Parser::CallPathLength() const {
  size_t ahead = 0;
  while (IsName(ahead) || (ahead > 0 && Peek(ahead).kind == TokenKind::kKeyword)) {
    if (IsSymbol("(", ahead + 1)) return ahead + 1;
    if (!IsSymbol(".", ahead + 1)) return 0;
    ahead += 2;
  }
  return 0;
}

ExpressionPtr Parser::ParsePathCall() {
  const size_t end = at_ + CallPathLength();
  const Token first = Peek();
  std::vector<std::string> path;
  const bool safe = first.kind == TokenKind::kIdentifier && first.upper == "SAFE" && end > at_ + 1;
  if (safe) at_ += 2;
  const Token name = Peek();
  for (; at_ < end; ++at_) {
    if (!IsSymbol(".")) path.push_back(Peek().text);
  }
  // BigQuery's own functions have such a first part, or a name alone.
  static constexpr std::string_view kFamilies[] = {"NET", "HLL_COUNT", "KEYS", "AEAD"};
  const std::string family = Upper(path[0]);
  const bool own =
      path.size() == 2 && name.kind == TokenKind::kIdentifier &&
      std::find(std::begin(kFamilies), std::end(kFamilies), family) != std::end(kFamilies);
  std::string text = own                ? Cat(family, ".", Upper(path[1]))
                     : path.size() == 1 ? Upper(path[0])
                                        : "";
  Token token = name;
  token.text = std::move(text);
  return ParseCall(token, safe, std::move(path));
}

ExpressionPtr Parser::ParseCall(Token name, bool safe, std::vector<std::string> path) {
  ExpressionPtr call = Make(ExpressionKind::kCall, name.at, Upper(name.text));
  call->call = std::make_unique<CallClauses>();
  call->call->safe = safe;
  call->call->path = std::move(path);
  if (call->call->path.empty()) call->call->path.push_back(name.text);
  ExpectSymbol("(");
  if (!TakeSymbol(")")) {
    if (TakeSymbol("*")) {
      call->call->star = true;
    } else {
      call->call->distinct = TakeWord("DISTINCT");
      const size_t parts = DatePartArgument(call->text);
      do {
        const bool mode = call->text.starts_with("NORMALIZE") && call->args.size() == 1;
        const bool part = mode || (parts != 0 && call->args.size() == parts && AtDatePart());
        const bool named = IsName() && IsSymbol("=>", 1);
        call->call->named.push_back(named ? Lower(Peek().text) : "");
        if (named) at_ += 2;
        Add(call.get(), part ? ParseDatePart() : ParseArgument());
      } while (TakeSymbol(","));
    }
    ParseCallClauses(call.get());
    ExpectSymbol(")");
  }
  if (TakeWord("OVER")) call->call->over = ParseOver();
  return call;
}

ExpressionPtr Parser::ParseArgument() {
  // A query may stand alone as the only argument: ARRAY_LENGTH((SELECT ...)) needs its own pair.
  if (IsWord("SELECT")) Unexpected();
  ExpressionPtr argument = ParseExpression();
  if (IsSymbol("-") && IsSymbol(">", 1)) FailUnsupported(Peek().at, "A lambda expression");
  return argument;
}

void Parser::ParseCallClauses(Expression* call) {
  CallClauses& clauses = *call->call;
  if (TakeWords("IGNORE", "NULLS")) clauses.nulls = "IGNORE";
  if (TakeWords("RESPECT", "NULLS")) clauses.nulls = "RESPECT";
  if (TakeWord("HAVING")) {
    if (!IsWord("MAX") && !IsWord("MIN")) Expected("keyword MAX");
    clauses.having = Take().upper;
    clauses.having_by = ParseExpression();
    call->depth = std::max(call->depth, clauses.having_by->depth + 1);
  }
  if (TakeWord("ORDER")) {
    ExpectWord("BY");
    clauses.order = ParseOrderBy();
  }
  if (TakeWord("LIMIT")) clauses.limit = ParseExpression();
}

std::unique_ptr<Window> Parser::ParseOver() {
  auto window = std::make_unique<Window>();
  window->at = Peek().at;
  if (IsName()) {
    window->base = Take().text;
    return window;
  }
  ExpectSymbol("(");
  *window = ParseWindowBody();
  ExpectSymbol(")");
  return window;
}

Window Parser::ParseWindowBody() {
  Window window;
  window.at = Peek().at;
  CheckBound(++windows_, kWindowsMax, "windows", window.at);
  if (IsName()) window.base = Take().text;
  if (TakeWord("PARTITION")) {
    ExpectWord("BY");
    window.partition = ParseExpressionList();
    CheckBound(window.partition.size(), kKeysMax, "PARTITION BY keys", window.at);
  }
  if (TakeWord("ORDER")) {
    ExpectWord("BY");
    window.order = ParseOrderBy();
  }
  if (IsWord("ROWS") || IsWord("RANGE")) {
    WindowFrame frame;
    frame.unit = Take().upper;
    if (TakeWord("BETWEEN")) {
      frame.start = ParseFrameBound();
      ExpectWord("AND");
      frame.end = ParseFrameBound();
    } else {
      frame.start = ParseFrameBound();
    }
    window.frame = std::move(frame);
  }
  return window;
}

FrameBound Parser::ParseFrameBound() {
  FrameBound bound;
  if (TakeWord("UNBOUNDED")) {
    if (TakeWord("PRECEDING")) {
      bound.kind = FrameBound::Kind::kUnboundedPreceding;
    } else {
      ExpectWord("FOLLOWING");
      bound.kind = FrameBound::Kind::kUnboundedFollowing;
    }
    return bound;
  }
  if (TakeWord("CURRENT")) {
    ExpectWord("ROW");
    return bound;
  }
  bound.offset = ParseExpression();
  if (TakeWord("PRECEDING")) {
    bound.kind = FrameBound::Kind::kPreceding;
  } else {
    ExpectWord("FOLLOWING");
    bound.kind = FrameBound::Kind::kFollowing;
  }
  return bound;
}

}  // namespace afluente::warehouse::googlesql
