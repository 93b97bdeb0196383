#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "warehouse/storage/storage_door.h"

namespace afluente::http {
class Gate;
}
namespace afluente::spec {
struct Spec;
}

namespace afluente::roles {

// BigQuery's Storage APIs on their door. Stopped before what its parts belong to.
struct StorageOpened {
  std::unique_ptr<warehouse::storage::StorageDoor> door;
  uint16_t port = 0;
};

// Listens on `address`, with the specification's certificate where it has one. `gate` outlives the
// door; nullptr: everybody on this machine.
absl::StatusOr<StorageOpened> OpenStorageDoor(const spec::Spec& spec,
                                              const warehouse::storage::StorageParts& parts,
                                              http::Gate* gate, const std::string& address);

}  // namespace afluente::roles
