#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "schema/type.h"
#include "schema/value.h"

namespace afluente::warehouse::arrow {

// Reads record batches of one schema as rows. Types convert as BigQuery's Storage Write API says
// ("Supported protocol buffer and Arrow data types"); nanoseconds, dictionaries and compression are
// refused. One thread.
class ArrowRows {
 public:
  // `schema`: an IPC message. Its fields become `columns` by name, in any case; names of those that
  // are none go to `extra`. INVALID_ARGUMENT names the field whose type does not convert.
  static absl::StatusOr<std::unique_ptr<ArrowRows>> Create(
      const std::string& schema, const std::vector<schema::Column>& columns,
      std::vector<std::string>& extra);
  virtual ~ArrowRows() = default;

  // The rows of a record batch, an IPC message: the columns' values in their order, NULL for a
  // column without a field. INVALID_ARGUMENT says what is wrong with it.
  virtual absl::StatusOr<std::vector<std::vector<schema::Value>>> Decode(
      const std::string& batch) = 0;
};

}  // namespace afluente::warehouse::arrow
