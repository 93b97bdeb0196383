#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"

namespace afluente::warehouse::jobs {

// A batch as bytes of this machine and back, for files that live no longer than the process.
std::string BatchToBytes(const ColumnBatch& batch);
// False when the bytes are no batch of these columns.
bool BatchFromBytes(std::string_view bytes, const std::vector<schema::Column>& columns,
                    ColumnBatch& batch);

}  // namespace afluente::warehouse::jobs
