#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "warehouse/googlesql/sql_type.h"
#include "warehouse/googlesql/syntax.h"

namespace afluente::warehouse::googlesql {

// An expression in DuckDB's words: `sql` can stand anywhere an operand can.
struct Emitted {
  std::string sql;
  SqlType type;
  bool literal = false;  // a literal or parameter: it may take another type
  // A table's bare BIGNUMERIC column as it is stored, with all its digits; else empty.
  std::string stored = {};
};

struct ScopeColumn {
  std::string name;
  std::string sql;
  SqlType type;
  std::string stored = {};  // as Emitted's
  bool hidden = false;      // not among what * gives
  bool anonymous = false;   // BigQuery named it, as f0_
};

// What a FROM item brings: its columns, and itself as a value.
struct RangeVariable {
  std::string name;
  std::vector<ScopeColumn> columns;
  Emitted value;  // empty sql: a row of `columns`
};

// A SELECT list's alias, visible in GROUP BY, HAVING, QUALIFY and ORDER BY.
struct SelectAlias {
  std::string name;
  size_t ordinal = 0;  // from 1
  Emitted value;
};

// The names that an expression may use; lives as long as its SELECT is being emitted.
struct Scope {
  const Scope* outer = nullptr;
  std::vector<RangeVariable> ranges;
  std::vector<ScopeColumn> columns;  // unqualified, in the order of *
  std::vector<SelectAlias> aliases;
  bool use_aliases = false;
  bool shows_stored = false;  // the SELECT list holds `stored` where there is one
  const std::vector<NamedWindow>* windows = nullptr;

  const RangeVariable* FindRange(std::string_view name) const;
  const SelectAlias* FindAlias(std::string_view name) const;
};

// A query as emitted; its columns' sql is their quoted name inside it.
struct QueryOutput {
  std::string sql;
  std::vector<ScopeColumn> columns;
  SelectAs as = SelectAs::kRow;
  std::vector<std::string> order_keys;  // when asked for: of the hidden columns that give the order
};

// struct_pack of the columns, each prefixed with `table.` when given.
Emitted PackColumns(const std::vector<ScopeColumn>& columns, std::string_view table);

}  // namespace afluente::warehouse::googlesql
