#include "broker/faults/faults.h"

#include <algorithm>
#include <utility>

#include "broker/limits.h"
#include "host/check.h"

namespace afluente::broker::faults {
namespace {

absl::Status Check(const Fault& fault) {
  if (fault.topic.empty() == fault.subscription.empty())
    return absl::InvalidArgumentError("a fault names either a topic or a subscription");
  AFLUENTE_RETURN_IF_ERROR(fault.topic.empty() ? CheckSubscriptionName(fault.subscription)
                                               : CheckTopicName(fault.topic));
  if (fault.kind == FaultKind::kNack && !fault.topic.empty())
    return absl::InvalidArgumentError("only a subscription's messages can be nacked");
  const bool delays = fault.kind == FaultKind::kDelay;
  if (delays != (fault.delay > std::chrono::milliseconds(0)))
    return absl::InvalidArgumentError("delay: a duration above 0 for the kind delay alone");
  if (!(fault.probability > 0 && fault.probability <= 1))
    return absl::InvalidArgumentError("probability: above 0, at most 1");
  if (fault.count == 0) return absl::InvalidArgumentError("count: at least 1");
  return absl::OkStatus();
}

}  // namespace

absl::Status Faults::Put(std::string name, Fault fault) {
  AFLUENTE_RETURN_IF_ERROR(Check(fault));
  absl::MutexLock lock(&mutex_);
  if (faults_.size() >= kMax && !faults_.contains(name))
    return absl::ResourceExhaustedError("there are too many faults");
  faults_.insert_or_assign(std::move(name), std::move(fault));
  return absl::OkStatus();
}

bool Faults::Remove(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = faults_.find(name);
  if (found == faults_.end()) return false;
  faults_.erase(found);
  return true;
}

void Faults::Clear() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

std::map<std::string, Fault, std::less<>> Faults::List() const {
  absl::MutexLock lock(&mutex_);
  return faults_;
}

std::optional<Fault> Faults::Strike(std::string_view resource,
                                    std::initializer_list<FaultKind> kinds) {
  absl::MutexLock lock(&mutex_);
  for (auto& [name, fault] : faults_) {
    const bool here = fault.topic == resource || fault.subscription == resource;
    if (!here || std::find(kinds.begin(), kinds.end(), fault.kind) == kinds.end()) continue;
    if (fault.count == 0) continue;
    if (std::uniform_real_distribution<double>()(random_) >= fault.probability) continue;
    if (fault.count) --*fault.count;
    ++fault.struck;
    return fault;
  }
  return std::nullopt;
}

}  // namespace afluente::broker::faults
