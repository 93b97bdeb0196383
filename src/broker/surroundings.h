#pragma once

namespace afluente::host {
class Clock;
}
namespace afluente::broker::log {
class Journal;
}

namespace afluente::broker {

class DeliveryTransforms;
class Dispatcher;
class Recorder;

// What topics and subscriptions need around them. Owned by the broker, which outlives them;
// `journal` is set when recovery is over.
struct Surroundings {
  const host::Clock& clock;
  Recorder& recorder;
  Dispatcher& dispatcher;
  log::Journal* journal = nullptr;
  DeliveryTransforms* transforms = nullptr;  // null = messages are delivered as they are
};

}  // namespace afluente::broker
