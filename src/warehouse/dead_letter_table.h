#pragma once

#include "warehouse/table.h"

namespace afluente::warehouse {

// `<dataset>.dead_letters`: the messages that the dataset's functions could not store, the same on
// every engine.
TableSchema DeadLetterTable(TableName name);

}  // namespace afluente::warehouse
