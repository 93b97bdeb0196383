#pragma once

#include <duckdb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "event/message.h"

namespace afluente::warehouse::duckdb {

// The micro-batch that a transform's relation shows while the transform runs. The table function
// reads it in place; both belong to one BatchSql and its thread.
struct MessageSource {
  const std::vector<const event::Message*>* messages = nullptr;
  const std::vector<int64_t>* delivery_attempts = nullptr;
};

// Registers table function `name`() over `source`, which must outlive the connection's database.
// Its columns are those that googlesql::TranslateTransform expects.
absl::Status RegisterMessageSource(duckdb_connection connection, const std::string& name,
                                   MessageSource* source);

}  // namespace afluente::warehouse::duckdb
