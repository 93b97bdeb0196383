#pragma once

#include "broker/faults/delays.h"
#include "broker/faults/faults.h"
#include "broker/faults/faulty_publisher.h"
#include "broker/faults/faulty_subscriptions.h"

namespace afluente::roles {

// What stands between the broker and the doors of an instance that tests run against. Owned by the
// role.
struct TestingParts {
  TestingParts(broker::Publisher& to, broker::Subscriptions& from, const host::Clock& clock)
      : delays(clock), publisher(to, faults, delays), subscriptions(from, faults, delays) {
    delays.Start();
  }

  // Ends all faults, so that no call waits for one any more.
  void Finish() {
    faults.Clear();
    delays.Finish();
  }

  broker::faults::Faults faults;
  broker::faults::Delays delays;
  broker::faults::FaultyPublisher publisher;
  broker::faults::FaultySubscriptions subscriptions;
};

}  // namespace afluente::roles
