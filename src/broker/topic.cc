#include "broker/topic.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "broker/records.h"
#include "broker/transform_chain.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

// Null without any that is enabled. Compiles nothing yet: records are applied on the journal's
// thread.
std::shared_ptr<const TransformChain> MakeTransforms(const TopicSettings& settings) {
  if (settings.transforms.empty()) return nullptr;
  auto transforms = std::make_shared<const TransformChain>(settings.transforms);
  return transforms->empty() ? nullptr : transforms;
}

}  // namespace

void PublishOrder::Append(log::Journal& journal, const host::Clock& clock, std::string payload,
                          Batch* batch, log::Journal::Appended done) {
  absl::MutexLock lock(&mutex_);
  last_ = std::max(last_, clock.Now());
  SetPublishTime(payload, last_);
  batch->publish_time = last_;
  // Under the lock, so that the order of times is the journal's.
  journal.Append(std::move(payload), std::move(done));
}

void PublishOrder::NotBefore(host::WallTime time) {
  absl::MutexLock lock(&mutex_);
  last_ = std::max(last_, time);
}

Topic::Topic(uint64_t incarnation, TopicSettings settings)
    : Topic(incarnation, std::move(settings), MessageIndex(), host::WallTime(), false) {}

Topic::Topic(uint64_t incarnation, TopicSettings settings, MessageIndex index,
             host::WallTime last_publish_time, bool deleted)
    : incarnation_(incarnation),
      name_(settings.name),
      last_sequence_(index.end() - 1),
      first_sequence_(index.first_sequence()),
      deleted_(deleted),
      settings_(std::move(settings)),
      index_(std::move(index)),
      last_publish_time_(last_publish_time) {
  publish_order_.NotBefore(last_publish_time);
  absl::MutexLock lock(&mutex_);
  transforms_ = MakeTransforms(settings_);
  SetRules();
}

TopicSettings Topic::settings() const {
  absl::MutexLock lock(&mutex_);
  return settings_;
}

std::vector<Topic::Wake> Topic::Add(const log::Place& place, uint32_t count,
                                    host::WallTime publish_time, std::shared_ptr<Batch> batch) {
  // Only the thread that applies records moves the last sequence.
  uint64_t first = last_sequence() + 1;
  if (batch) {
    for (event::Message& message : batch->messages) message.publish_time = publish_time;
    batch->Number(incarnation_, first);
  } else {
    publish_order_.NotBefore(publish_time);
  }
  std::vector<Wake> wakes;
  absl::MutexLock lock(&mutex_);
  index_.Append(place, count, publish_time);
  last_publish_time_ = std::max(last_publish_time_, publish_time);
  if (batch) recent_.push_back(std::move(batch));
  last_sequence_.store(first + count - 1, std::memory_order_release);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto each = it++;
    if (each->second.after_sequence >= first + count - 1) continue;
    wakes.push_back(std::move(each->second.ready));
    waiting_.erase(each);
  }
  return wakes;
}

void Topic::EndBlock() {
  absl::MutexLock lock(&mutex_);
  index_.EndBlock();
}

void Topic::Update(TopicSettings settings) {
  absl::MutexLock lock(&mutex_);
  bool same_transforms = settings.transforms == settings_.transforms;
  settings_ = std::move(settings);
  // Compiled scripts are kept when they can be.
  if (!same_transforms) transforms_ = MakeTransforms(settings_);
  SetRules();
}

void Topic::SetRules() {
  has_rules_.store(settings_.schema.has_value() || transforms_ != nullptr,
                   std::memory_order_release);
}

std::shared_ptr<const TransformChain> Topic::transforms() const {
  absl::MutexLock lock(&mutex_);
  return transforms_;
}

void Topic::Release(uint64_t before_segment) {
  absl::MutexLock lock(&mutex_);
  index_.DropBefore(before_segment);
  first_sequence_.store(index_.first_sequence(), std::memory_order_release);
}

void Topic::Move(const log::Place& place, uint64_t first_sequence, uint32_t count) {
  absl::MutexLock lock(&mutex_);
  // What is not as its mover saw it stays where it is.
  (void)index_.Move(place, first_sequence, count);
}

void Topic::EvictOldest() {
  SharedBatch dropped;  // freed without the lock
  absl::MutexLock lock(&mutex_);
  if (recent_.empty()) return;
  dropped = std::move(recent_.front());
  recent_.pop_front();
}

void Topic::EvictAll() {
  std::deque<SharedBatch> dropped;  // freed without the lock
  absl::MutexLock lock(&mutex_);
  dropped.swap(recent_);
}

SharedBatch Topic::FindRecent(uint64_t sequence) const {
  if (recent_.empty() || sequence < recent_.front()->first_sequence) return nullptr;
  auto it = std::upper_bound(
      recent_.begin(), recent_.end(), sequence,
      [](uint64_t value, const SharedBatch& each) { return value < each->first_sequence; });
  const SharedBatch& batch = *std::prev(it);
  return batch->Holds(sequence) ? batch : nullptr;
}

absl::Status Topic::NotRetained(uint64_t sequence) const {
  return absl::OutOfRangeError(
      absl::StrCat("message ", sequence, " of ", name_, " is not retained"));
}

absl::StatusOr<SharedBatch> Topic::Fetch(const log::Journal& journal, uint64_t sequence,
                                         bool may_block) const {
  std::optional<MessageIndex::Found> found;
  {
    absl::MutexLock lock(&mutex_);
    if (SharedBatch recent = FindRecent(sequence)) return recent;
    found = index_.Find(sequence);
  }
  if (found && !may_block) return SharedBatch();
  while (found) {
    auto read = ReadBlock(journal, *found, sequence);
    if (read.ok()) return read;
    // Its segment may have been released, and removed, since it was looked up.
    auto now = Find(sequence);
    if (now && now->place == found->place) return read;
    found = now;
  }
  return NotRetained(sequence);
}

absl::StatusOr<SharedBatch> Topic::ReadBlock(const log::Journal& journal,
                                             const MessageIndex::Found& found,
                                             uint64_t sequence) const {
  auto batch = std::make_shared<Batch>();
  bool moved = false;
  absl::Status read =
      journal.ReadBlock(found.place, [&](const log::Place& place, std::string_view payload) {
        if (IsPublishTo(incarnation_, payload)) return DecodePublish(payload, *batch);
        // A record between those of a block moves others than its own.
        moved = place == found.place && IsMoveOf(incarnation_, payload);
        return moved ? DecodeMoved(payload, *batch) : absl::OkStatus();
      });
  const uint64_t last = found.first_sequence + found.count - 1;
  const bool whole = moved ? batch->Holds(found.first_sequence) && batch->Holds(last)
                           : batch->messages.size() == found.count;
  if (read.ok() && !whole) read = absl::DataLossError("their number differs");
  if (!moved) batch->Number(incarnation_, found.first_sequence);
  // What lies before the damage is given.
  if (read.ok() || batch->Holds(sequence)) return SharedBatch(std::move(batch));
  return absl::Status(
      read.code(), absl::StrCat("messages ", found.first_sequence, " to ", last, " of ", name_,
                                ", segment ", found.place.segment, " offset ", found.place.offset,
                                ": ", std::string(read.message())));
}

void Topic::Wait(const void* key, uint64_t after_sequence, Wake ready) {
  {
    absl::MutexLock lock(&mutex_);
    if (last_sequence() <= after_sequence) {
      waiting_.insert_or_assign(key, Waiting{after_sequence, std::move(ready)});
      return;
    }
    waiting_.erase(key);
  }
  ready();
}

void Topic::CancelWait(const void* key) {
  absl::MutexLock lock(&mutex_);
  waiting_.erase(key);
}

void Topic::Pin(const void* key, uint64_t after_sequence) {
  absl::MutexLock lock(&mutex_);
  pins_[key] = after_sequence;
}

void Topic::Unpin(const void* key) {
  absl::MutexLock lock(&mutex_);
  pins_.erase(key);
}

bool Topic::pinned() const {
  absl::MutexLock lock(&mutex_);
  return !pins_.empty();
}

uint64_t Topic::FirstNeeded(host::WallTime now) const {
  absl::MutexLock lock(&mutex_);
  uint64_t needed = index_.end();
  for (const auto& [key, after_sequence] : pins_) needed = std::min(needed, after_sequence + 1);
  if (settings_.message_retention && !deleted())
    needed = std::min(needed, index_.FirstSince(now - *settings_.message_retention));
  return needed;
}

uint64_t Topic::FirstSince(host::WallTime time) const {
  absl::MutexLock lock(&mutex_);
  return index_.FirstSince(time);
}

std::optional<MessageIndex::Found> Topic::Find(uint64_t sequence) const {
  absl::MutexLock lock(&mutex_);
  return index_.Find(sequence);
}

std::vector<MessageIndex::Found> Topic::BlocksIn(uint64_t segment, uint64_t from_sequence) const {
  absl::MutexLock lock(&mutex_);
  return index_.BlocksIn(segment, from_sequence);
}

void Topic::AddBytes(uint64_t from_sequence, MessageIndex::BytesBySegment& bytes) const {
  absl::MutexLock lock(&mutex_);
  index_.AddBytes(from_sequence, bytes);
}

TopicImage Topic::Capture() const {
  absl::MutexLock lock(&mutex_);
  TopicImage image;
  image.incarnation = incarnation_;
  image.deleted = deleted();
  image.settings = settings_;
  image.last_publish_time = last_publish_time_;
  image.end = index_.end();
  image.index = index_.Share();
  return image;
}

}  // namespace afluente::broker
