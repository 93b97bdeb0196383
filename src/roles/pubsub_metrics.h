#pragma once

#include <functional>
#include <vector>

#include "broker/push/push_stats.h"

namespace afluente::broker {
struct BrokerStats;
}
namespace afluente::telemetry {
class Exposition;
}

namespace afluente::roles {

// Writes the broker's and the pushers' numbers under Google's metric names.
void ExposePubsub(const broker::BrokerStats& stats,
                  const std::vector<broker::push::PushStats>& pushes, telemetry::Exposition& page);

}  // namespace afluente::roles
