// DML and DDL.
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

ParsedStatement Parser::ParseStatement() {
  ParsedStatement script;
  script.kind = StatementKind::kScript;
  script.at = Peek().at;
  if (AtScriptWord()) return script;
  ParsedStatement statement = ParseStatementBody();
  // CREATE PROCEDURE's body is a script of its own, with semicolons inside.
  const bool more = TakeSymbol(";") && Peek().kind != TokenKind::kEnd;
  while (TakeSymbol(";")) {
  }
  if (Peek().kind == TokenKind::kEnd) return statement;
  if (more) return script;
  Expected("end of input");
}

// A word that begins a statement of the scripting language.
bool Parser::AtScriptWord() const {
  for (std::string_view word :
       {"DECLARE", "SET", "IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE", "BEGIN", "COMMIT",
        "ROLLBACK", "EXECUTE", "CALL", "RAISE", "ASSERT", "RETURN"}) {
    if (IsWord(word)) return true;
  }
  // A label.
  return IsName() && IsSymbol(":", 1);
}

ParsedStatement Parser::ParseStatementBody() {
  ParsedStatement statement;
  statement.at = Peek().at;
  if (IsWord("SELECT") || IsWord("WITH") || IsSymbol("(")) {
    statement.query = ParseQuery();
    return statement;
  }
  if (IsWord("FROM")) {
    statement.query = ParseQuery();
    return statement;
  }
  if (TakeWord("INSERT")) {
    ParseInsert(&statement);
  } else if (TakeWord("UPDATE")) {
    ParseUpdate(&statement);
  } else if (TakeWord("DELETE")) {
    ParseDelete(&statement);
  } else if (TakeWord("MERGE")) {
    ParseMerge(&statement);
  } else if (TakeWord("TRUNCATE")) {
    ExpectWord("TABLE");
    statement.kind = StatementKind::kTruncate;
    statement.target = ParsePath();
  } else if (TakeWord("CREATE")) {
    ParseCreate(&statement);
  } else if (TakeWord("DROP")) {
    ParseDrop(&statement);
  } else if (TakeWord("ALTER")) {
    ParseAlter(&statement);
  } else if (TakeWords("EXPORT", "DATA")) {
    ParseExport(&statement);
  } else {
    for (std::string_view word : {"GRANT", "REVOKE", "EXPORT", "LOAD", "EXPLAIN", "UNDROP"}) {
      if (IsWord(word)) FailUnsupported(Peek().at, Cat("Statement ", word));
    }
    Unexpected();
  }
  return statement;
}

void Parser::ParseInsert(ParsedStatement* statement) {
  statement->kind = StatementKind::kInsert;
  TakeWord("INTO");
  statement->target = ParsePath();
  statement->columns_at = Peek().at;
  if (IsSymbol("(") && !IsWord("SELECT", 1) && !IsWord("WITH", 1)) {
    statement->columns = ParseNames();
  }
  if (TakeWord("VALUES")) {
    ParseInsertValues(&statement->rows);
    return;
  }
  if (!IsWord("SELECT") && !IsWord("WITH") && !IsSymbol("(")) Unexpected();
  statement->query = ParseQuery();
}

void Parser::ParseInsertValues(std::vector<std::vector<ExpressionPtr>>* rows) {
  do {
    rows->push_back(ParseValueRow());
  } while (TakeSymbol(","));
}

std::vector<ExpressionPtr> Parser::ParseValueRow() {
  ExpectSymbol("(");
  std::vector<ExpressionPtr> row = ParseExpressionList();
  ExpectSymbol(")");
  return row;
}

void Parser::ParseUpdate(ParsedStatement* statement) {
  statement->kind = StatementKind::kUpdate;
  statement->target = ParsePath();
  statement->alias = OptionalAlias();
  ExpectWord("SET");
  statement->assignments = ParseAssignments();
  if (TakeWord("FROM")) statement->from = ParseFrom();
  if (!IsWord("WHERE")) Fail(statement->at, "UPDATE must have a WHERE clause");
  Take();
  statement->where = ParseExpression();
}

std::vector<Assignment> Parser::ParseAssignments() {
  std::vector<Assignment> assignments;
  do {
    Assignment assignment;
    assignment.at = Peek().at;
    assignment.column = ExpectName();
    while (TakeSymbol(".")) assignment.path.push_back(ExpectName());
    ExpectSymbol("=");
    assignment.value = ParseExpression();
    assignments.push_back(std::move(assignment));
  } while (TakeSymbol(","));
  return assignments;
}

void Parser::ParseDelete(ParsedStatement* statement) {
  statement->kind = StatementKind::kDelete;
  TakeWord("FROM");
  statement->target = ParsePath();
  statement->alias = OptionalAlias();
  if (!IsWord("WHERE")) Fail(statement->at, "DELETE must have a WHERE clause");
  Take();
  statement->where = ParseExpression();
}

void Parser::ParseMerge(ParsedStatement* statement) {
  statement->kind = StatementKind::kMerge;
  TakeWord("INTO");
  statement->target = ParsePath();
  statement->alias = OptionalAlias();
  ExpectWord("USING");
  statement->from = ParseTablePrimary();
  ExpectWord("ON");
  statement->where = ParseExpression();
  if (!IsWord("WHEN")) Expected("keyword WHEN");
  while (IsWord("WHEN")) statement->branches.push_back(ParseMergeBranch());
}

MergeBranch Parser::ParseMergeBranch() {
  MergeBranch branch;
  branch.at = Take().at;
  const bool matched = !TakeWord("NOT");
  ExpectWord("MATCHED");
  if (!matched) {
    branch.when = MergeBranch::When::kNotMatchedByTarget;
    if (TakeWords("BY", "SOURCE")) {
      branch.when = MergeBranch::When::kNotMatchedBySource;
    } else {
      TakeWords("BY", "TARGET");
    }
  }
  if (TakeWord("AND")) branch.condition = ParseExpression();
  ExpectWord("THEN");
  if (TakeWord("DELETE")) {
    branch.action = "DELETE";
  } else if (TakeWord("UPDATE")) {
    branch.action = "UPDATE";
    ExpectWord("SET");
    branch.assignments = ParseAssignments();
  } else {
    ExpectWord("INSERT");
    branch.action = "INSERT";
    if (TakeWord("ROW")) {
      branch.action = "INSERT ROW";
      return branch;
    }
    if (IsSymbol("(")) branch.columns = ParseNames();
    if (TakeWord("ROW")) {
      branch.action = "INSERT ROW";
      return branch;
    }
    ExpectWord("VALUES");
    branch.values = ParseValueRow();
  }
  return branch;
}

}  // namespace afluente::warehouse::googlesql
