#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/topic_reader.h"
#include "host/clock.h"
#include "host/file_system.h"

namespace afluente::broker {
class Topics;
}

namespace afluente::source {

// The attribute of a message that must not be taken twice: which stream of a door it belongs to and
// which item of it it is, so that the journal itself says what was stored before a crash.
inline constexpr std::string_view kDeliveryAttribute = "afluente_delivery";
struct DeliveryMark {
  std::string stream;  // letters and digits, of the door's choice
  uint64_t item = 0;
  std::string detail;  // of the door's choice, without '/'
  std::string message_id;

  std::string ToAttribute() const;
  static std::optional<DeliveryMark> Parse(std::string_view attribute);
};

// What a door knows of its deliveries, over restarts: notes in a file of its own, synced before
// they count, and marks on messages, read from the topics' ends at start. Between both nothing is
// lost: a message is in the journal with its mark, or it is not there. Owned by a role; all
// threads. Format: docs/formats/deliveries.md.
class DeliveryLog {
 public:
  struct Recovered {
    std::vector<std::string> notes;   // in order
    std::vector<DeliveryMark> marks;  // of messages that notes may not know; in order by topic
  };
  struct Limits {
    uint64_t bytes_between = 4 << 20;       // notes written between two checkpoints
    uint64_t messages_between = 100'000;    // and messages that a start has to read
    std::chrono::seconds time_between{10};  // how long checkpointed messages stay pinned
    size_t waiting_max = 100'000;           // notes that wait for the disk
  };
  struct Parts {
    host::FileSystem& files;
    // nullptr: the topics are elsewhere and cannot be read, so no mark is found again.
    broker::Topics* topics;
    const host::Clock& clock;
  };

  // Must come before the journal may clean: its readers pin what the next start reads. Blocks.
  static absl::StatusOr<std::unique_ptr<DeliveryLog>> Open(const Parts& parts, std::string path,
                                                           Limits limits, Recovered& recovered);
  ~DeliveryLog();

  // All that the door knows, as notes; what was Begun and not Ended is found again by its mark. Its
  // thread calls it without locks.
  using Snapshot = std::function<std::vector<std::string>()>;
  // Starts the thread that writes.
  void Start(Snapshot snapshot);
  // Writes what waits and ends the thread.
  void Stop();

  // Whether marks are found again; else the door notes what was stored.
  bool reads_topics() const { return parts_.topics != nullptr; }

  // From then on marks of this topic are found. Blocks until that is durable, at its first call
  // alone. NOT_FOUND when there is no such topic.
  absl::Status Cover(const std::string& topic);
  // Before a marked message goes to a covered topic, and when its outcome is in the door's memory.
  uint64_t Begin(const std::string& topic);
  void End(uint64_t ticket);

  // `done` is called once, on the log's thread, when the note is durable, else with UNAVAILABLE or
  // RESOURCE_EXHAUSTED. The door changes its memory before the call, since a snapshot may replace
  // the note.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Append(std::string note, Done done);

 private:
  struct Entry {
    std::string payload;
    Done done;
  };
  struct Covered {
    std::shared_ptr<broker::TopicReader> reader;  // shared: used without the lock
    uint64_t position = 0;                        // of the last checkpoint
    bool durable = false;                         // the file names the topic
  };

  DeliveryLog(const Parts& parts, std::string path, Limits limits)
      : parts_(parts), path_(std::move(path)), limits_(limits) {}

  absl::Status Recover(Recovered& recovered);
  absl::Status ReadFile(Recovered& recovered,
                        std::vector<std::pair<std::string, broker::TopicPosition>>& positions);
  absl::Status Scan(const std::string& topic, const broker::TopicPosition& from,
                    Recovered& recovered);
  void Run();
  void Write(std::vector<Entry> entries);
  bool CheckpointDue();
  absl::Status Checkpoint();
  uint64_t SafePosition(const std::string& topic, const Covered& covered) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(char kind, std::string_view body, Done done);

  const Parts parts_;
  const std::string path_;
  const Limits limits_;
  Snapshot snapshot_;
  std::thread thread_;

  // Of the log's thread alone once it runs.
  std::unique_ptr<host::File> file_;
  uint64_t size_ = 0;
  uint64_t size_at_checkpoint_ = 0;
  host::MonotonicTime checkpoint_time_{};
  absl::Status broken_;  // a failed sync: the file is never written again

  absl::Mutex mutex_;
  std::vector<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Covered> covered_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ticket_ ABSL_GUARDED_BY(mutex_) = 1;
  // Ticket -> topic and its last sequence before.
  std::map<uint64_t, std::pair<std::string, uint64_t>> begun_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::source
