#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "warehouse/googlesql/lexer.h"
#include "warehouse/googlesql/statement_syntax.h"
#include "warehouse/googlesql/syntax.h"

namespace afluente::warehouse::googlesql {

// Deeper nesting is refused, so that neither this folder nor DuckDB runs out of stack.
inline constexpr int kNestingMax = 100;

// Recursive descent over one statement. Lives for one parse; throws SqlError.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), tokens_(Tokenize(text)) {}

  // The whole text: one statement, then an optional semicolon.
  ParsedStatement ParseStatement();

 protected:
  // Counts nesting while it lives.
  class Nesting {
   public:
    explicit Nesting(Parser* parser);
    ~Nesting() { --parser_->nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Parser* parser_;
  };

  // Tokens.
  const Token& Peek(size_t ahead = 0) const;
  Token Take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  bool IsSymbol(std::string_view symbol, size_t ahead = 0) const;
  // Also words that are not reserved.
  bool IsWord(std::string_view upper, size_t ahead = 0) const;
  bool TakeSymbol(std::string_view symbol);
  bool TakeWord(std::string_view upper);
  bool TakeWords(std::string_view first, std::string_view second);
  size_t ExpectSymbol(std::string_view symbol);
  void ExpectWord(std::string_view upper);
  bool IsName(size_t ahead = 0) const;
  std::string ExpectName();
  std::string ExpectText();
  void ExpectCloseAngle();
  [[noreturn]] void Unexpected() const;
  [[noreturn]] void Expected(std::string_view what) const;
  std::string OptionalAlias();
  NamePath ParsePath();
  std::string PathPart();
  std::vector<std::string> ParseNames();

  // Expressions.
  ExpressionPtr ParseExpression();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseComparison();
  ExpressionPtr ParseComparisonTail(ExpressionPtr left);
  ExpressionPtr ParseIn(ExpressionPtr left, bool negated, size_t at);
  ExpressionPtr ParseIs(ExpressionPtr left, size_t at);
  ExpressionPtr ParseOperators(int level);
  ExpressionPtr ParseUnary();
  ExpressionPtr ParsePostfix();
  ExpressionPtr ParsePrimary();
  ExpressionPtr ParseKeywordPrimary();
  ExpressionPtr ParseNamePrimary();
  ExpressionPtr ParseTypedLiteral();
  ExpressionPtr ParseSubscript(ExpressionPtr base);
  ExpressionPtr ParseCase();
  ExpressionPtr ParseCast(bool safe);
  ExpressionPtr ParseExtract();
  ExpressionPtr ParseInterval();
  ExpressionPtr ParseRangeLiteral();
  ExpressionPtr ParseArray();
  ExpressionPtr ParseArrayElements(SqlType type, size_t at);
  ExpressionPtr ParseStruct();
  ExpressionPtr ParseParenthesised();
  size_t CallPathLength() const;
  ExpressionPtr ParsePathCall();
  ExpressionPtr ParseCall(Token name, bool safe, std::vector<std::string> path = {});
  ExpressionPtr ParseArgument();
  bool AtDatePart() const;
  ExpressionPtr ParseDatePart();
  void ParseCallClauses(Expression* call);
  std::unique_ptr<Window> ParseOver();
  Window ParseWindowBody();
  FrameBound ParseFrameBound();
  std::vector<OrderItem> ParseOrderBy();
  SqlType ParseType();
  std::vector<ExpressionPtr> ParseExpressionList();

  // Queries.
  QueryPtr ParseQuery();
  void ParseWith(Query* query);
  QueryPtr ParseSetOperations();
  std::string TakeSetOperation();
  QueryPtr ParseQueryPrimary();
  std::unique_ptr<Select> ParseSelect();
  SelectItem ParseSelectItem();
  void ParseStarClauses(SelectItem* item);
  void ParseGroupBy(Select* select);
  void ParseNamedWindows(Select* select);
  std::vector<ExpressionPtr> ParseGroupingSet();
  TablePtr ParseFrom();
  bool ParseJoinType(JoinType* type);
  TablePtr ParseTablePrimary();
  TablePtr ParseUnnest();
  TablePtr ParseTableSuffix(TablePtr table);
  TablePtr ParsePivot(TablePtr table);
  TablePtr ParseUnpivot(TablePtr table);
  void ParseTableArguments(TableExpression* table);
  QueryPtr ParsePipes(QueryPtr query);
  void ParsePipe(QueryPtr* query);
  bool ParseTablePipe(QueryPtr* query, size_t at);
  void ParseAggregatePipe(Query* wrapped);
  void ParseColumnPipe(QueryPtr* query, const std::string& word);
  void ParseJoinPipe(Query* wrapped);
  QueryPtr WrapForPipe(QueryPtr query);
  bool AtQuery() const;
  TablePtr Join(TablePtr left, TablePtr right, JoinType type, size_t at);

  // Statements.
  bool AtScriptWord() const;
  ParsedStatement ParseStatementBody();
  void ParseInsert(ParsedStatement* statement);
  void ParseInsertValues(std::vector<std::vector<ExpressionPtr>>* rows);
  std::vector<ExpressionPtr> ParseValueRow();
  void ParseUpdate(ParsedStatement* statement);
  std::vector<Assignment> ParseAssignments();
  void ParseDelete(ParsedStatement* statement);
  void ParseMerge(ParsedStatement* statement);
  MergeBranch ParseMergeBranch();
  void ParseCreate(ParsedStatement* statement);
  void ParseCreateTable(ParsedStatement* statement);
  ColumnDefinition ParseColumnDefinition();
  void ParseTableContents(ParsedStatement* statement);
  void ParseView(ParsedStatement* statement);
  void ParseCopy(ParsedStatement* statement);
  void ParseLayout(ParsedStatement* statement);
  void ParseRoutine(ParsedStatement* statement, RoutineKind kind);
  void ParseFunctionBody(ParsedStatement* statement);
  std::vector<ArgumentDefinition> ParseArgumentDefinitions(bool modes);
  void ParseProcedureBody(ParsedStatement* statement);
  void ParseAlter(ParsedStatement* statement);
  AlterAction ParseAlterAction();
  void ParseAlterColumn(AlterAction* action);
  void ParseDrop(ParsedStatement* statement);
  void ParseExport(ParsedStatement* statement);
  bool TakeIfExists();
  bool TakeIfNotExists();
  std::vector<OptionValue> ParseOptions();
  // Only a description may be among them.
  std::string ParseDescription();
  // Of the text, from a token's first byte to the end of the last one taken.
  std::string TextSince(size_t at) const;

  // Refuses the statement when `count` has gone past `max` of `what`.
  static void CheckBound(size_t count, size_t max, std::string_view what, size_t at);
  ExpressionPtr Make(ExpressionKind kind, size_t at, std::string text = "");
  void Add(Expression* parent, ExpressionPtr child);

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t positionals_ = 0;
  int nesting_ = 0;
  size_t expressions_ = 0;
  size_t selects_ = 0;
  size_t subqueries_ = 0;
  size_t windows_ = 0;
  size_t joins_ = 0;
};

}  // namespace afluente::warehouse::googlesql
