// Takes the input as what the broker reads back from its journal: a record, its messages, a
// snapshot. Whatever it is, all is DATA_LOSS or comes back as it was.
#include "absl/status/status.h"
#include "broker/records.h"
#include "broker/snapshot.h"
#include "fuzz/accepted.h"
#include "host/check.h"

namespace afluente::broker {
namespace {

bool Publishes(const Record& record) {
  return std::holds_alternative<PublishRecord>(record) ||
         std::holds_alternative<DeadLetterRecord>(record) ||
         std::holds_alternative<KeyedPublishRecord>(record);
}

bool Moves(const Record& record) { return std::holds_alternative<MovedRecord>(record); }

// What was decoded need not be these bytes (a number has longer forms), but what it is encoded as
// must be itself.
bool ReadRecord(std::string_view bytes) {
  auto record = Decode(bytes);
  AFLUENTE_CHECK(record.ok() || absl::IsDataLoss(record.status()));
  if (!record.ok() || Publishes(*record) || Moves(*record)) return false;
  std::string once = Encode(*record);
  AFLUENTE_CHECK(Encode(Decode(once).value()) == once);
  return true;
}

bool ReadMessages(std::string_view bytes) {
  Batch batch;
  absl::Status status = DecodePublish(bytes, batch);
  AFLUENTE_CHECK(status.ok() || absl::IsDataLoss(status));
  if (!status.ok()) return false;
  AFLUENTE_CHECK(Publishes(Decode(bytes).value()));
  batch.Number(42, 1);
  return true;
}

bool ReadMoved(std::string_view bytes) {
  Batch batch;
  absl::Status status = DecodeMoved(bytes, batch);
  AFLUENTE_CHECK(status.ok() || absl::IsDataLoss(status));
  if (!status.ok()) return false;
  AFLUENTE_CHECK(Moves(Decode(bytes).value()));
  AFLUENTE_CHECK(batch.Holds(batch.first_sequence) &&
                 batch.last_sequence() >= batch.first_sequence);
  return true;
}

bool ReadSnapshot(std::string_view bytes) {
  auto image = DecodeSnapshot(bytes);
  AFLUENTE_CHECK(image.ok() || absl::IsDataLoss(image.status()));
  if (!image.ok()) return false;
  for (const TopicImage& topic : image->topics) {
    MessageIndex index(topic.index, topic.end);
    for (uint64_t sequence : {uint64_t{1}, topic.end - 1, topic.end, topic.end / 2}) {
      auto found = index.Find(sequence);
      AFLUENTE_CHECK(!found || found->count > 0);
    }
  }
  return true;
}

}  // namespace
}  // namespace afluente::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(bytes), size);
  // Each is tried, whatever the others say.
  bool record = afluente::broker::ReadRecord(input);
  bool messages = afluente::broker::ReadMessages(input);
  bool moved = afluente::broker::ReadMoved(input);
  bool snapshot = afluente::broker::ReadSnapshot(input);
  afluente::fuzz::accepted = record || messages || moved || snapshot;
  return 0;
}
