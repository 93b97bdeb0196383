#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "event/message.h"
#include "host/clock.h"
#include "source/mqtt/packet.h"

namespace afluente::source::mqtt {

// Where messages of one MQTT topic filter go.
struct Route {
  enum class OrderBy { kNothing, kTopic, kClientId };
  std::string filter;
  std::string topic;  // full name
  std::map<std::string, std::string> attributes;
  OrderBy order_by = OrderBy::kNothing;
};

// The routes of a door; the most specific filter that fits counts. Immutable.
class Routes {
 public:
  explicit Routes(std::vector<Route> routes);
  // nullptr when none fits.
  const Route* Find(std::string_view topic) const;
  std::vector<std::string> topics() const;

 private:
  std::vector<Route> routes_;  // the most specific first
};

// What a device sent, as a message: `publish.topic` is its MQTT topic, aliases resolved.
struct Arrival {
  const Publish& publish;
  std::string_view client_id;
  host::WallTime time;
  bool will = false;
};
// The payload is the data; the attributes are the route's, the user properties and what is known of
// the arrival (mqtt_topic, mqtt_client_id, mqtt_received_at and others). INVALID_ARGUMENT for a
// user property that takes the name of one of the others: a device must not set those. Pure.
absl::StatusOr<event::Draft> ToDraft(const Route& route, const Arrival& arrival);

}  // namespace afluente::source::mqtt
