#pragma once

namespace afluente::broker {
class Policies;
class Publisher;
class Schemas;
class Snapshots;
class Subscriptions;
class Topics;
}  // namespace afluente::broker

namespace afluente::broker::wire {

// The broker, by what it is asked for.
struct Ports {
  Publisher& publisher;
  Topics& topics;
  Subscriptions& subscriptions;
  Snapshots& snapshots;
  Schemas& schemas;
  Policies& policies;
};

}  // namespace afluente::broker::wire
