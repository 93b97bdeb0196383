#pragma once

#include <memory>

#include "absl/status/statusor.h"

namespace afluente::host {
class Clock;
class FileSystem;
}  // namespace afluente::host
namespace afluente::http {
class IoThreads;
class TlsIdentity;
}  // namespace afluente::http
namespace afluente::spec {
struct Spec;
}
namespace afluente::warehouse::duckdb {
class DuckdbDatabase;
}
namespace afluente::warehouse::wire {
class BigqueryDoor;
}

namespace afluente::roles {

class Doorkeeper;
class ProxyDoor;

struct BigqueryMachine {
  warehouse::duckdb::DuckdbDatabase& database;
  http::IoThreads& io_threads;
  const host::Clock& clock;
  host::FileSystem& files;
  std::shared_ptr<http::TlsIdentity> tls = nullptr;  // shared by all doors; null: plain
};

// BigQuery's REST door over the embedded warehouse. With a doorkeeper it asks for a bearer token:
// an assertion, or an ID token such as the proxy takes. Not listening yet.
absl::StatusOr<std::unique_ptr<warehouse::wire::BigqueryDoor>> OpenBigqueryDoor(
    const spec::Spec& spec, const BigqueryMachine& machine, Doorkeeper* doorkeeper,
    ProxyDoor* proxy);

}  // namespace afluente::roles
