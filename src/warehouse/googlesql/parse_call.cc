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

ExpressionPtr Parser::ParseCall(Token name, bool safe) {
  ExpressionPtr call = Make(ExpressionKind::kCall, name.at, Upper(name.text));
  call->call = std::make_unique<CallClauses>();
  call->call->safe = safe;
  ExpectSymbol("(");
  if (!TakeSymbol(")")) {
    if (TakeSymbol("*")) {
      call->call->star = true;
    } else {
      call->call->distinct = TakeWord("DISTINCT");
      const size_t parts = DatePartArgument(call->text);
      do {
        const bool part = parts != 0 && call->args.size() == parts && AtDatePart();
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
  if (IsName() && IsSymbol("=>", 1)) {
    FailUnsupported(Peek().at, Cat("Named argument ", Peek().text));
  }
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
