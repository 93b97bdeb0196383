#pragma once

#include <vector>

#include "schema/type.h"

namespace google::cloud::bigquery::storage::v1 {
class TableSchema;
}

namespace afluente::warehouse::storage {

// The columns as the Storage Write API tells them to clients that make rows from them.
void FillTableSchema(const std::vector<schema::Column>& columns,
                     google::cloud::bigquery::storage::v1::TableSchema* answer);

}  // namespace afluente::warehouse::storage
