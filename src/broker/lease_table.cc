#include "broker/lease_table.h"

#include <algorithm>
#include <utility>

#include "host/check.h"

namespace afluente::broker {
namespace {

void TakeRoom(const Lease& lease) {
  ++lease.flow->messages;
  lease.flow->bytes += lease.bytes;
}

void GiveRoom(const Lease& lease) {
  --lease.flow->messages;
  lease.flow->bytes -= lease.bytes;
}

}  // namespace

void LeaseTable::Grant(uint64_t sequence, Lease lease) {
  TakeRoom(lease);
  deadlines_.push({lease.deadline, sequence, lease.generation});
  bool fresh = leases_.emplace(sequence, std::move(lease)).second;
  AFLUENTE_CHECK(fresh);
}

Lease* LeaseTable::Find(uint64_t sequence) {
  auto it = leases_.find(sequence);
  return it == leases_.end() ? nullptr : &it->second;
}

void LeaseTable::Extend(uint64_t sequence, Lease& lease, host::MonotonicTime deadline) {
  lease.deadline = deadline;
  deadlines_.push({deadline, sequence, lease.generation});
  if (deadlines_.size() > 4 * leases_.size() + 1024) Compact();
}

void LeaseTable::Hold(Lease& lease) {
  if (lease.held) return;
  lease.held = true;
  GiveRoom(lease);
}

void LeaseTable::Resume(uint64_t sequence, Lease& lease) {
  if (std::exchange(lease.held, false)) TakeRoom(lease);
  lease.acking = false;
  Extend(sequence, lease, lease.deadline);
}

Lease LeaseTable::Take(uint64_t sequence) {
  auto it = leases_.find(sequence);
  AFLUENTE_CHECK(it != leases_.end());
  Lease lease = std::move(it->second);
  leases_.erase(it);
  if (!lease.held) GiveRoom(lease);
  if (leases_.empty()) deadlines_ = {};
  return lease;
}

bool LeaseTable::IsCurrent(const Deadline& deadline) const {
  auto it = leases_.find(deadline.sequence);
  return it != leases_.end() && it->second.generation == deadline.generation &&
         it->second.deadline == deadline.at && !it->second.acking && !it->second.held;
}

std::vector<uint64_t> LeaseTable::Expired(host::MonotonicTime now) {
  std::vector<uint64_t> expired;
  while (!deadlines_.empty() && (deadlines_.top().at <= now || !IsCurrent(deadlines_.top()))) {
    if (IsCurrent(deadlines_.top())) expired.push_back(deadlines_.top().sequence);
    deadlines_.pop();
  }
  std::sort(expired.begin(), expired.end());
  // A lease extended twice to the same time is there twice.
  expired.erase(std::unique(expired.begin(), expired.end()), expired.end());
  return expired;
}

host::MonotonicTime LeaseTable::next_deadline() const {
  return deadlines_.empty() ? host::MonotonicTime::max() : deadlines_.top().at;
}

void LeaseTable::Compact() {
  deadlines_ = {};
  for (const auto& [sequence, lease] : leases_) {
    if (!lease.acking && !lease.held) deadlines_.push({lease.deadline, sequence, lease.generation});
  }
}

void LeaseTable::Clear() {
  leases_.clear();
  deadlines_ = {};
}

}  // namespace afluente::broker
