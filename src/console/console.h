#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace afluente::broker {
class Broker;
class Publisher;
}  // namespace afluente::broker
namespace afluente::host {
class Clock;
class WorkerPool;
}  // namespace afluente::host
namespace afluente::http {
class Router;
}
namespace afluente::spec {
struct Spec;
}
namespace afluente::telemetry {
class Metrics;
}
namespace afluente::warehouse {
class Catalog;
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::console {

// What the console reads and acts on; all outlive it.
struct ConsolePorts {
  const spec::Spec& spec;
  broker::Broker& broker;
  broker::Publisher& publisher;
  warehouse::Warehouse& warehouse;
  warehouse::Catalog& catalog;
  telemetry::Metrics& metrics;
  host::WorkerPool& workers;
  const host::Clock& clock;
  std::string data_dir;
  std::string api;         // http://HOST:PORT
  std::string_view pages;  // the archive that web/pack.mjs wrote; empty: no pages
};

// The console's server side: JSON routes under /v1/, charts of the last hour, server-sent events
// and the pages. Owned by roles/; its thread takes a reading each second. Keeps nothing.
class Console {
 public:
  static std::unique_ptr<Console> Create(ConsolePorts ports);
  virtual ~Console() = default;
  // To the admin door's router, which must not outlive the console.
  virtual void AddRoutes(http::Router& router) = 0;
  // Ends the readings and the event streams. Before the doors stop.
  virtual void Stop() = 0;
};

}  // namespace afluente::console
