#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::broker {
class Broker;
class Subscriptions;
}  // namespace afluente::broker
namespace afluente::host {
class Clock;
}
namespace afluente::source {
class Forwarder;
}
namespace afluente::spec {
struct Spec;
}

namespace afluente::roles {

// The topics' `forward:`, running. Destroying it stops them.
class Forwards {
 public:
  Forwards();
  ~Forwards();
  // Makes where they are missing the subscriptions that are their cursors and the topics of what
  // is refused, and starts. `subscriptions` are the broker's. Blocks.
  absl::Status Start(const spec::Spec& spec, broker::Broker& broker,
                     broker::Subscriptions& subscriptions, const host::Clock& clock);
  void Stop();

 private:
  std::vector<std::unique_ptr<source::Forwarder>> forwarders_;
};

}  // namespace afluente::roles
