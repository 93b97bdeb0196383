#include "broker/broker.h"

#include "broker/embedded_broker.h"
#include "broker/transform_chain.h"

namespace afluente::broker {

absl::StatusOr<std::unique_ptr<Broker>> Broker::Open(host::FileSystem& files,
                                                     const host::Clock& clock,
                                                     const BrokerOptions& options) {
  static ScriptTransforms scripts;  // without state
  return EmbeddedBroker::Create(
      clock,
      {options.memory_bytes_max, options.snapshot_every_bytes, options.journal.queue_bytes_max,
       /*threads=*/true, &scripts},
      [&](log::Recovery& recovery) {
        return log::Journal::Open(files, options.directory, options.journal, recovery);
      });
}

}  // namespace afluente::broker
