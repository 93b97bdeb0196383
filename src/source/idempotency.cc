#include "source/idempotency.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace afluente::source {

bool StoredRecords::Has(uint64_t number) const {
  auto range = ranges.upper_bound(number);
  return range != ranges.begin() && std::prev(range)->second >= number;
}

void StoredRecords::Add(uint64_t number, std::string message_id) {
  if (Has(number)) return;
  if (count == 0 || number < ranges.begin()->first) first_id = message_id;
  if (count == 0 || number > ranges.rbegin()->second) last_id = std::move(message_id);
  ++count;
  auto next = ranges.upper_bound(number);
  const bool joins_next = next != ranges.end() && next->first == number + 1;
  if (next != ranges.begin() && std::prev(next)->second == number - 1) {
    std::prev(next)->second = joins_next ? next->second : number;
    if (joins_next) ranges.erase(next);
    return;
  }
  const uint64_t last = joins_next ? next->second : number;
  if (joins_next) ranges.erase(next);
  ranges[number] = last;
}

IdempotencyKeys::IdempotencyKeys(DeliveryLog& log, const host::Clock& clock, Limits limits)
    : log_(log), clock_(clock), limits_(limits) {}

int64_t IdempotencyKeys::Now() const {
  return std::chrono::floor<std::chrono::seconds>(clock_.Now()).time_since_epoch().count();
}

// Fields by line; the body, which may hold lines, comes last.
std::string IdempotencyKeys::Note(const std::string& stream, const Entry& entry) {
  std::string ranges;
  for (const auto& [first, last] : entry.stored.ranges)
    absl::StrAppend(&ranges, first, "-", last, ",");
  return absl::StrCat(stream, "\n", entry.seconds, "\n", entry.fingerprint, "\n", entry.status,
                      "\n", entry.stored.first_id, "\n", entry.stored.last_id, "\n", ranges, "\n",
                      entry.body);
}

void IdempotencyKeys::ReadNote(const std::string& note) {
  const std::vector<std::string> fields = absl::StrSplit(note, absl::MaxSplits('\n', 7));
  int64_t seconds = 0;
  int status = 0;
  if (fields.size() != 8 || !absl::SimpleAtoi(fields[1], &seconds) ||
      !absl::SimpleAtoi(fields[3], &status)) {
    return;
  }
  Entry& entry = Make(fields[0], seconds);
  bytes_ += fields[7].size() - entry.body.size();
  entry.fingerprint = fields[2];
  entry.status = status;
  entry.body = fields[7];
  entry.stored = {};
  entry.stored.first_id = fields[4];
  entry.stored.last_id = fields[5];
  for (const std::string& range : std::vector<std::string>(absl::StrSplit(fields[6], ','))) {
    const std::vector<std::string> ends = absl::StrSplit(range, '-');
    uint64_t first = 0, last = 0;
    if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &first) ||
        !absl::SimpleAtoi(ends[1], &last)) {
      continue;
    }
    entry.stored.ranges[first] = last;
    entry.stored.count += last - first + 1;
  }
}

void IdempotencyKeys::Restore(const DeliveryLog::Recovered& recovered) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& note : recovered.notes) ReadNote(note);
  for (const DeliveryMark& mark : recovered.marks) {
    Entry& entry = Make(mark.stream, Now());
    if (entry.status == 0) entry.stored.Add(mark.item, mark.message_id);
  }
}

std::vector<std::string> IdempotencyKeys::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> notes;
  for (const std::string& stream : by_age_) {
    const auto found = entries_.find(stream);
    if (found != entries_.end()) notes.push_back(Note(stream, found->second));
  }
  return notes;
}

IdempotencyKeys::Entry& IdempotencyKeys::Make(const std::string& stream, int64_t seconds) {
  const auto [found, is_new] = entries_.try_emplace(stream);
  if (is_new) {
    found->second.seconds = seconds;
    by_age_.push_back(stream);
  }
  return found->second;
}

void IdempotencyKeys::MakeRoom() {
  const int64_t oldest_kept = Now() - std::chrono::seconds(limits_.kept).count();
  size_t running = 0;
  while (running < by_age_.size()) {
    const auto found = entries_.find(by_age_.front());
    const bool full = entries_.size() > limits_.keys_max || bytes_ > limits_.bytes_max;
    if (!full && found->second.seconds >= oldest_kept) return;
    std::string stream = std::move(by_age_.front());
    by_age_.pop_front();
    if (found->second.running) {
      by_age_.push_back(std::move(stream));
      ++running;
      continue;
    }
    bytes_ -= found->second.body.size();
    entries_.erase(found);
  }
}

IdempotencyKeys::Claim IdempotencyKeys::Take(const std::string& stream,
                                             const std::string& fingerprint) {
  absl::MutexLock lock(&mutex_);
  MakeRoom();
  Entry& entry = Make(stream, Now());
  if (entry.running) return {State::kRunning, 0, "", {}};
  if (!entry.fingerprint.empty() && entry.fingerprint != fingerprint) {
    return {State::kOtherBody, 0, "", {}};
  }
  if (entry.status != 0) return {State::kAnswered, entry.status, entry.body, {}};
  entry.fingerprint = fingerprint;
  entry.running = true;
  return {State::kMine, 0, "", entry.stored};
}

void IdempotencyKeys::Stored(const std::string& stream, uint64_t number,
                             const std::string& message_id) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(stream);
  if (found != entries_.end()) found->second.stored.Add(number, message_id);
}

void IdempotencyKeys::Leave(const std::string& stream) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(stream);
  if (found == entries_.end()) return;
  found->second.running = false;
  // Nothing was stored: the key may still come with another body.
  if (found->second.stored.count == 0) found->second.fingerprint.clear();
}

void IdempotencyKeys::Answer(const std::string& stream, int status, std::string body,
                             DeliveryLog::Done done) {
  std::string note;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(stream);
    if (found == entries_.end()) return done(absl::OkStatus());
    Entry& entry = found->second;
    entry.status = status;
    entry.body = std::move(body);
    bytes_ += entry.body.size();
    note = Note(stream, entry);
  }
  log_.Append(std::move(note),
              [this, stream, done = std::move(done)](absl::Status written) mutable {
                {
                  absl::MutexLock lock(&mutex_);
                  const auto found = entries_.find(stream);
                  if (found != entries_.end()) {
                    found->second.running = false;
                    if (!written.ok()) {
                      bytes_ -= found->second.body.size();
                      found->second.body.clear();
                      found->second.status = 0;
                    }
                  }
                }
                done(std::move(written));
              });
}

}  // namespace afluente::source
