#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/clock.h"
#include "warehouse/table.h"

namespace afluente::warehouse {
class CatalogView;
class TableWriter;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::warehouse::storage {

// What the door serves; all outlive it.
struct StorageParts {
  Warehouse& warehouse;
  const CatalogView& catalog;
  TableWriter& writer;
  const host::Clock& clock;
};

// Says whether a caller with this `authorization` metadata may read or write a table: OK,
// UNAUTHENTICATED or PERMISSION_DENIED in words for the caller. May block.
using AdmitCaller = std::function<absl::Status(const std::string& authorization,
                                               const TableName& table, bool write)>;

// google.cloud.bigquery.storage.v1's BigQueryWrite and BigQueryRead over gRPC. Owned by roles/.
// Each call that is open holds a thread, of which there are at most kCallsMax; beyond it
// RESOURCE_EXHAUSTED.
class StorageDoor {
 public:
  static constexpr int kCallsMax = 256;

  // `admit` is null where nobody is asked (on loopback). DATA_LOSS when the streams' records are
  // damaged.
  static absl::StatusOr<std::unique_ptr<StorageDoor>> Create(const StorageParts& parts,
                                                             AdmitCaller admit);
  virtual ~StorageDoor() = default;

  // Listens on HOST:PORT (port 0: the kernel chooses) and returns the port. Once. With the files of
  // a certificate and its key (PEM) over TLS: changed ones are taken by connections a second later.
  virtual absl::StatusOr<uint16_t> Listen(const std::string& address,
                                          const std::string& certificate_file,
                                          const std::string& key_file) = 0;
  // Ends open calls with UNAVAILABLE when `grace` is over.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace afluente::warehouse::storage
