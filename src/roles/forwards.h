#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::broker {
class Subscriptions;
}
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
  // Makes the subscriptions that are their cursors where they are missing, and starts. Blocks.
  absl::Status Start(const spec::Spec& spec, broker::Subscriptions& subscriptions,
                     const host::Clock& clock);
  void Stop();

 private:
  std::vector<std::unique_ptr<source::Forwarder>> forwarders_;
};

}  // namespace afluente::roles
