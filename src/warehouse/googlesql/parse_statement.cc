// DML and DDL.
#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

ParsedStatement Parser::ParseStatement() {
  ParsedStatement statement = ParseStatementBody();
  TakeSymbol(";");
  if (Peek().kind != TokenKind::kEnd) {
    if (tokens_[at_ - 1].text == ";") FailUnsupported(Peek().at, "A script of several statements");
    Expected("end of input");
  }
  return statement;
}

ParsedStatement Parser::ParseStatementBody() {
  ParsedStatement statement;
  statement.at = Peek().at;
  if (IsWord("SELECT") || IsWord("WITH") || IsSymbol("(")) {
    statement.query = ParseQuery();
    return statement;
  }
  if (IsWord("FROM")) FailUnsupported(Peek().at, "A query that begins with FROM");
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
  } else {
    for (std::string_view word : {"ALTER", "BEGIN", "COMMIT", "ROLLBACK", "DECLARE", "SET", "CALL",
                                  "EXECUTE", "LOOP", "WHILE", "IF", "GRANT", "REVOKE", "EXPORT",
                                  "LOAD", "ASSERT", "RAISE", "FOR", "EXPLAIN"}) {
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
    if (IsSymbol(".") || IsSymbol("[")) {
      // `alias.column` is allowed where the alias is the target's; a nested field is not.
      FailUnsupported(Peek().at, "Assigning to a nested field");
    }
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

void Parser::ParseCreate(ParsedStatement* statement) {
  statement->or_replace = TakeWords("OR", "REPLACE");
  for (std::string_view word : {"TEMP", "TEMPORARY", "EXTERNAL", "MATERIALIZED", "FUNCTION",
                                "PROCEDURE", "MODEL", "SNAPSHOT", "AGGREGATE", "SEARCH", "ROW",
                                "VECTOR", "CAPACITY", "RESERVATION", "ASSIGNMENT"}) {
    if (IsWord(word)) FailUnsupported(Peek().at, Cat("CREATE ", word));
  }
  if (TakeWord("TABLE")) {
    statement->kind = StatementKind::kCreateTable;
  } else if (TakeWord("VIEW")) {
    statement->kind = StatementKind::kCreateView;
  } else if (TakeWord("SCHEMA")) {
    statement->kind = StatementKind::kCreateSchema;
  } else {
    Unexpected();
  }
  if (TakeWord("IF")) {
    ExpectWord("NOT");
    ExpectWord("EXISTS");
    statement->if_not_exists = true;
  }
  statement->target = ParsePath();
  if (statement->kind == StatementKind::kCreateTable) return ParseCreateTable(statement);
  if (statement->kind == StatementKind::kCreateView) {
    statement->columns_at = Peek().at;
    if (IsSymbol("(")) statement->columns = ParseNames();
    if (IsWord("OPTIONS")) statement->description = ParseOptions();
    ExpectWord("AS");
    statement->query = ParseQuery();
    return;
  }
  if (IsWord("DEFAULT")) FailUnsupported(Peek().at, "DEFAULT COLLATE");
  if (IsWord("OPTIONS")) statement->description = ParseOptions();
}

void Parser::ParseCreateTable(ParsedStatement* statement) {
  for (std::string_view word : {"LIKE", "COPY", "CLONE"}) {
    if (IsWord(word)) FailUnsupported(Peek().at, Cat("CREATE TABLE ", word));
  }
  if (TakeSymbol("(")) {
    do {
      if (IsSymbol(")")) break;
      statement->definitions.push_back(ParseColumnDefinition());
    } while (TakeSymbol(","));
    ExpectSymbol(")");
  }
  if (TakeWord("PARTITION")) {
    ExpectWord("BY");
    statement->partition_by = ParseExpression();
  }
  if (TakeWord("CLUSTER")) {
    ExpectWord("BY");
    do {
      statement->clustering.push_back(ExpectName());
    } while (TakeSymbol(","));
  }
  if (IsWord("OPTIONS")) statement->description = ParseOptions();
  if (TakeWord("AS")) statement->query = ParseQuery();
}

ColumnDefinition Parser::ParseColumnDefinition() {
  for (std::string_view word : {"PRIMARY", "FOREIGN", "CONSTRAINT"}) {
    if (IsWord(word) && (IsWord("KEY", 1) || word == "CONSTRAINT")) {
      FailUnsupported(Peek().at, "A table constraint");
    }
  }
  ColumnDefinition column;
  column.at = Peek().at;
  column.name = ExpectName();
  column.type = ParseType();
  if (IsWord("DEFAULT")) FailUnsupported(Peek().at, "A column's DEFAULT");
  if (IsWord("COLLATE")) FailUnsupported(Peek().at, "COLLATE");
  if (TakeWords("NOT", "NULL")) column.required = true;
  if (IsWord("OPTIONS")) column.description = ParseOptions();
  return column;
}

void Parser::ParseDrop(ParsedStatement* statement) {
  if (TakeWord("TABLE")) {
    statement->kind = StatementKind::kDropTable;
  } else if (TakeWord("VIEW")) {
    statement->kind = StatementKind::kDropView;
  } else if (TakeWord("SCHEMA")) {
    statement->kind = StatementKind::kDropSchema;
  } else {
    for (std::string_view word : {"EXTERNAL", "MATERIALIZED", "FUNCTION", "PROCEDURE", "SNAPSHOT",
                                  "SEARCH", "ROW", "ALL", "VECTOR"}) {
      if (IsWord(word)) FailUnsupported(Peek().at, Cat("DROP ", word));
    }
    Unexpected();
  }
  if (TakeWord("IF")) {
    ExpectWord("EXISTS");
    statement->if_exists = true;
  }
  statement->target = ParsePath();
  if (TakeWord("CASCADE")) {
    statement->cascade = true;
  } else {
    TakeWord("RESTRICT");
  }
}

std::string Parser::ParseOptions() {
  Take();
  ExpectSymbol("(");
  std::string description;
  if (TakeSymbol(")")) return description;
  do {
    const Token name = Peek();
    ExpectName();
    ExpectSymbol("=");
    if (SameName(name.text, "description")) {
      description = ExpectText();
    } else {
      FailUnsupported(name.at, Cat("Option ", name.text));
    }
  } while (TakeSymbol(","));
  ExpectSymbol(")");
  return description;
}

}  // namespace afluente::warehouse::googlesql
