#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/cursor.h"
#include "schema/type.h"
#include "warehouse/column_batch.h"
#include "warehouse/warehouse.h"

namespace afluente::api {

// Puts an endpoint's statement in an order, and for paging in one that is total: the asked columns,
// then every other one, texts and nested values by their fingerprint. Rows that this leaves equal
// cannot be told apart, so counting them is enough. Immutable.
class TotalOrder {
 public:
  TotalOrder(const std::vector<schema::Column>& columns, std::vector<warehouse::OrderKey> asked);

  size_t key_count() const { return keys_.size(); }

  // The statement's rows in the asked order alone.
  std::string Ordered(std::string_view sql) const;

  // A page of them: the statement's columns, then the keys. `after` may be nullptr.
  struct Page {
    std::string sql;
    std::vector<warehouse::Parameter> parameters;
  };
  Page After(std::string_view sql, const Position* after, uint64_t rows) const;

  // The position behind the first `rows` (not 0) of a page's batch, whose columns end with the
  // keys. `before` is where the rows before it ended, or nullptr.
  Position Behind(const warehouse::ColumnBatch& batch, size_t rows, const Position* before) const;

 private:
  struct Key {
    std::string expression;  // over the statement's rows, named t
    schema::Type type;
    bool descending = false;
    bool nulls_first = true;
  };
  std::string Condition(const Position& after) const;

  std::vector<Key> keys_;
  size_t asked_ = 0;
};

}  // namespace afluente::api
