#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "warehouse/storage/proto_rows.h"

namespace afluente::warehouse::storage {

// Rows that are Arrow record batches of one schema. One thread.
class ArrowIncoming {
 public:
  // `schema`: an IPC message. INVALID_ARGUMENT as of ProtoRows::Create.
  static absl::StatusOr<std::unique_ptr<ArrowIncoming>> Create(const std::string& schema,
                                                               const TableSchema& table);
  virtual ~ArrowIncoming() = default;

  // INVALID_ARGUMENT names the field of a value that does not convert.
  virtual absl::StatusOr<std::vector<IncomingRow>> Decode(const std::string& batch) = 0;
};

}  // namespace afluente::warehouse::storage
