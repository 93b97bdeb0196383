#include "broker/broker.h"

#include "broker/embedded_broker.h"
#include "broker/transform_chain.h"

namespace afluente::broker {

absl::StatusOr<std::unique_ptr<Broker>> Broker::Open(host::FileSystem& files,
                                                     const host::Clock& clock,
                                                     const BrokerOptions& options) {
  static ScriptTransforms scripts;  // without state
  EmbeddedBroker::Options embedded;
  embedded.memory_bytes_max = options.memory_bytes_max;
  embedded.snapshot_every_bytes = options.snapshot_every_bytes;
  embedded.dead_bytes_max = options.dead_bytes_max;
  embedded.publish_bytes_max = options.journal.queue_bytes_max;
  embedded.transforms = &scripts;
  return EmbeddedBroker::Create(clock, embedded, [&](log::Recovery& recovery) {
    return log::Journal::Open(files, options.directory, options.journal, recovery);
  });
}

}  // namespace afluente::broker
