#pragma once

#include <atomic>

#include "host/clock.h"

namespace afluente::broker {

// Something that gets turns on the dispatcher's thread.
class Turn {
 public:
  virtual ~Turn() = default;
  // Does what is due at `now`; returns when the next turn is due, MonotonicTime::max() for none.
  virtual host::MonotonicTime Take(host::MonotonicTime now) = 0;

 private:
  friend class Dispatcher;
  std::atomic<bool> posted_{false};
};

}  // namespace afluente::broker
