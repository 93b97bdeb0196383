#include "broker/journal_reader.h"

#include <algorithm>
#include <utility>

#include "broker/log/journal.h"
#include "broker/surroundings.h"
#include "broker/topic.h"
#include "host/check.h"

namespace afluente::broker {

JournalReader::JournalReader(const Surroundings& surroundings, std::shared_ptr<Topic> topic,
                             uint64_t after_sequence)
    : surroundings_(surroundings), topic_(std::move(topic)) {
  topic_->Pin(this, after_sequence);
}

JournalReader::~JournalReader() {
  topic_->CancelWait(this);
  topic_->Unpin(this);
}

absl::StatusOr<TopicReader::Batch> JournalReader::Read(uint64_t after_sequence, size_t messages_max,
                                                       size_t bytes_max) {
  Batch read;
  size_t bytes = 0;
  uint64_t last = topic_->last_sequence();
  for (uint64_t next = after_sequence + 1; next <= last && read.size() < messages_max; ++next) {
    if (!batch_ || !batch_->Holds(next)) {
      auto fetched = topic_->Fetch(*surroundings_.journal, next, /*may_block=*/true);
      // What was read before the fault is given first.
      if (!fetched.ok() && !read.empty()) return read;
      AFLUENTE_ASSIGN_OR_RETURN(batch_, std::move(fetched));
    }
    bytes += SizeOf(batch_->At(next));
    if (!read.empty() && bytes > bytes_max) break;
    read.push_back(MessageOf(batch_, next));
  }
  // Caught up: memory belongs to the topic alone again.
  if (after_sequence + read.size() >= last) batch_ = nullptr;
  return read;
}

void JournalReader::Wait(uint64_t after_sequence, absl::AnyInvocable<void()> ready) {
  topic_->Wait(this, after_sequence, std::move(ready));
}

void JournalReader::Pin(uint64_t after_sequence) { topic_->Pin(this, after_sequence); }

uint64_t JournalReader::last_sequence() const { return topic_->last_sequence(); }

uint64_t JournalReader::first_sequence() const { return topic_->first_sequence(); }

bool JournalReader::topic_deleted() const { return topic_->deleted(); }

TopicPosition JournalReader::position_at(uint64_t after_sequence) const {
  return {surroundings_.journal->identity(), topic_->incarnation(), after_sequence};
}

}  // namespace afluente::broker
