#pragma once

#include <string>
#include <utility>
#include <vector>

#include "warehouse/googlesql/syntax.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::googlesql {

struct NamePath {
  std::vector<std::string> parts;
  size_t at = 0;
};

struct Assignment {
  std::string column;
  size_t at = 0;
  ExpressionPtr value;
};

struct MergeBranch {
  enum class When { kMatched, kNotMatchedByTarget, kNotMatchedBySource };
  When when = When::kMatched;
  size_t at = 0;
  ExpressionPtr condition;
  std::string action;  // INSERT, INSERT ROW, UPDATE or DELETE
  std::vector<std::string> columns;
  std::vector<ExpressionPtr> values;
  std::vector<Assignment> assignments;
};

struct ColumnDefinition {
  std::string name;
  size_t at = 0;
  SqlType type;
  bool required = false;
  std::string description;
};

// One statement; which members are used depends on `kind`.
struct ParsedStatement {
  StatementKind kind = StatementKind::kQuery;
  size_t at = 0;
  NamePath target;
  std::string alias;
  bool if_exists = false;
  bool if_not_exists = false;
  bool or_replace = false;
  bool cascade = false;
  QueryPtr query;  // the query, INSERT's source, AS of CREATE
  std::vector<std::string> columns;
  size_t columns_at = 0;
  std::vector<std::vector<ExpressionPtr>> rows;  // VALUES
  std::vector<Assignment> assignments;
  TablePtr from;  // UPDATE's FROM, MERGE's source
  ExpressionPtr where;
  std::vector<MergeBranch> branches;
  std::vector<ColumnDefinition> definitions;
  ExpressionPtr partition_by;
  std::vector<std::string> clustering;
  std::string description;
};

}  // namespace afluente::warehouse::googlesql
