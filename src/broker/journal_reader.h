#pragma once

#include <cstdint>
#include <memory>

#include "broker/batch.h"
#include "broker/topic_reader.h"

namespace afluente::broker {

class Topic;
struct Surroundings;

// Reads one incarnation of a topic, also after it was deleted. Pins what lies after where it was
// opened, until told otherwise or destroyed.
class JournalReader final : public TopicReader {
 public:
  // The broker must outlive it.
  JournalReader(const Surroundings& surroundings, std::shared_ptr<Topic> topic,
                uint64_t after_sequence);
  ~JournalReader() override;

  absl::StatusOr<Batch> Read(uint64_t after_sequence, size_t messages_max,
                             size_t bytes_max) override;
  void Wait(uint64_t after_sequence, absl::AnyInvocable<void()> ready) override;
  void Pin(uint64_t after_sequence) override;
  uint64_t last_sequence() const override;
  uint64_t first_sequence() const override;
  bool topic_deleted() const override;
  TopicPosition position_at(uint64_t after_sequence) const override;

 private:
  const Surroundings& surroundings_;
  const std::shared_ptr<Topic> topic_;
  SharedBatch batch_;  // the one that the last read ended in
};

}  // namespace afluente::broker
