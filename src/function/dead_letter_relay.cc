#include "function/dead_letter_relay.h"

#include <cstdint>
#include <future>
#include <set>
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

DeadLetterRelay::DeadLetterRelay(broker::KeyedPublisher& publisher, warehouse::Warehouse& warehouse)
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
  if (!started_clean_) AFLUENTE_RETURN_IF_ERROR(ForgetStale());
  started_clean_ = true;
  AFLUENTE_ASSIGN_OR_RETURN(auto entries, warehouse_.Outbox(kEntriesMax));
  if (entries.empty()) return 0;
  std::vector<std::future<absl::Status>> answers;
  for (warehouse::OutboxEntry& entry : entries) {
    // Shared with the callback: the broker owns it until the answer.
    auto answered = std::make_shared<std::promise<absl::Status>>();
    answers.push_back(answered->get_future());
    publisher_.PublishKeyed(
        entry.topic, entry.key, std::move(entry.draft),
        [answered](absl::Status status) { answered->set_value(std::move(status)); });
  }
  std::vector<std::string> published;
  absl::Status refused;
  for (size_t i = 0; i < entries.size(); ++i) {
    absl::Status status = answers[i].get();
    if (status.ok()) published.push_back(std::move(entries[i].key));
    if (refused.ok()) refused = std::move(status);
  }
  if (!published.empty()) {
    AFLUENTE_RETURN_IF_ERROR(warehouse_.RemoveFromOutbox(published));
    AFLUENTE_RETURN_IF_ERROR(Forget(published));
  }
  AFLUENTE_RETURN_IF_ERROR(refused);
  return published.size();
}

absl::Status DeadLetterRelay::ForgetStale() {
  std::vector<std::string> keys = publisher_.Keys();
  if (keys.empty()) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(const auto waiting, warehouse_.Outbox(INT32_MAX));
  std::set<std::string> needed;
  for (const warehouse::OutboxEntry& entry : waiting) needed.insert(entry.key);
  std::erase_if(keys, [&](const std::string& key) { return needed.contains(key); });
  return Forget(std::move(keys));
}

absl::Status DeadLetterRelay::Forget(std::vector<std::string> keys) {
  if (keys.empty()) return absl::OkStatus();
  auto answered = std::make_shared<std::promise<absl::Status>>();
  auto answer = answered->get_future();
  publisher_.ForgetKeys(
      std::move(keys), [answered](absl::Status status) { answered->set_value(std::move(status)); });
  return answer.get();
}

}  // namespace afluente::function
