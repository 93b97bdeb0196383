#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/column_batch.h"
#include "warehouse/duckdb/handles.h"

namespace afluente::warehouse::duckdb {

// Bound values of $1, $2, ...
using Arguments = std::vector<ValueHandle>;
ValueHandle TextArgument(std::string_view text);
ValueHandle BytesArgument(std::string_view bytes);
ValueHandle IntegerArgument(int64_t value);

// A statement prepared on one connection. Its columns are those of the moment it was prepared:
// after a table has changed, only a result tells its own (ResultColumns).
struct Prepared {
  PreparedHandle handle;
  std::vector<schema::Column> columns;
  uint64_t last_use = 0;
};

// One connection with its prepared statements (a bounded number, the least used goes). One thread
// at a time.
class Session {
 public:
  static absl::StatusOr<std::unique_ptr<Session>> Connect(duckdb_database database);

  duckdb_connection connection() const { return connection_.get(); }

  absl::StatusOr<std::unique_ptr<Prepared>> PrepareAnew(std::string_view sql);
  // Cached; stays valid until the next Prepare or Forget.
  absl::StatusOr<Prepared*> Prepare(std::string_view sql);
  void Forget(std::string_view sql);
  // Runs a statement to its end.
  absl::StatusOr<ResultHandle> Run(std::string_view sql, const Arguments& arguments = {});
  absl::Status Execute(std::string_view sql, const Arguments& arguments = {});
  // All rows of a small query.
  absl::StatusOr<ColumnBatch> Read(std::string_view sql, const Arguments& arguments = {});

 private:
  explicit Session(ConnectionHandle connection);

  ConnectionHandle connection_;
  std::map<std::string, std::unique_ptr<Prepared>, std::less<>> prepared_;
  uint64_t uses_ = 0;
};

// The columns of a result, by its types.
absl::StatusOr<std::vector<schema::Column>> ResultColumns(ResultHandle& result);
// The next chunk of a result as a batch; 0 rows at the end.
absl::StatusOr<ColumnBatch> NextBatch(ResultHandle& result,
                                      const std::vector<schema::Column>& columns);

}  // namespace afluente::warehouse::duckdb
