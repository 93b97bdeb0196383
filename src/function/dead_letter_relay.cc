#include "function/dead_letter_relay.h"

#include <future>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "host/check.h"
#include "telemetry/log.h"

namespace afluente::function {
namespace {

constexpr size_t kEntriesMax = 256;
constexpr absl::Duration kInterval = absl::Milliseconds(200);

}  // namespace

struct DeadLetterRelay::Shared {
  absl::Mutex mutex;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

DeadLetterRelay::DeadLetterRelay(broker::Publisher& publisher, warehouse::Warehouse& warehouse)
    : publisher_(publisher), warehouse_(warehouse), shared_(std::make_unique<Shared>()) {}

DeadLetterRelay::~DeadLetterRelay() { Stop(); }

void DeadLetterRelay::Start() {
  AFLUENTE_CHECK(!worker_.joinable());
  worker_ = std::thread([this] { Run(); });
}

void DeadLetterRelay::Stop() {
  {
    absl::MutexLock lock(&shared_->mutex);
    shared_->stopped = true;
  }
  if (worker_.joinable()) worker_.join();
}

void DeadLetterRelay::Run() {
  while (true) {
    const auto relayed = RelayOnce();
    if (!relayed.ok()) {
      telemetry::Log(telemetry::Severity::kWarning, "dead letters wait for their topic",
                     {{"error", relayed.status().ToString()}});
    }
    absl::MutexLock lock(&shared_->mutex);
    if (shared_->stopped) return;
    if (relayed.ok() && *relayed > 0) continue;
    shared_->mutex.AwaitWithTimeout(absl::Condition(&shared_->stopped), kInterval);
    if (shared_->stopped) return;
  }
}

absl::StatusOr<size_t> DeadLetterRelay::RelayOnce() {
  AFLUENTE_ASSIGN_OR_RETURN(auto entries, warehouse_.Outbox(kEntriesMax));
  if (entries.empty()) return 0;
  std::vector<std::string> published;
  absl::Status refused;
  for (warehouse::OutboxEntry& entry : entries) {
    std::string key = entry.key;
    refused = PublishOne(std::move(entry));
    if (!refused.ok()) break;
    published.push_back(std::move(key));
  }
  if (!published.empty()) AFLUENTE_RETURN_IF_ERROR(warehouse_.RemoveFromOutbox(published));
  AFLUENTE_RETURN_IF_ERROR(refused);
  return published.size();
}

absl::Status DeadLetterRelay::PublishOne(warehouse::OutboxEntry entry) {
  // Shared with the callback: the broker owns it until the answer.
  auto answered = std::make_shared<std::promise<absl::Status>>();
  auto answer = answered->get_future();
  std::vector<event::Draft> batch;
  batch.push_back(std::move(entry.draft));
  publisher_.Publish(entry.topic, std::move(batch),
                     [answered](absl::StatusOr<std::vector<std::string>> ids) {
                       answered->set_value(ids.status());
                     });
  return answer.get();
}

}  // namespace afluente::function
