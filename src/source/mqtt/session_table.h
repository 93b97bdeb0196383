#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/clock.h"
#include "source/delivery_log.h"

namespace afluente::source::mqtt {

// The sessions of the door's clients: who has which connection, and which QoS 2 packet identifiers
// are taken and not released. Of sessions that outlive their connection both survive a crash:
// receipts by the messages' marks, sessions and releases by notes. Thread-safe; nothing is called
// back under its lock. Format of the notes: docs/formats/deliveries.md.
class SessionTable {
 public:
  static constexpr uint32_t kNeverExpires = 0xFFFFFFFF;
  static constexpr size_t kReceiptsMax = 1'000;  // a session's

  SessionTable(DeliveryLog& log, const host::Clock& clock, size_t sessions_max);

  // Before the log starts.
  void Restore(const DeliveryLog::Recovered& recovered);
  // For DeliveryLog::Start. Forgets what has expired.
  std::vector<std::string> Snapshot();

  struct Opened {
    bool present = false;  // the session was there before
    uint64_t owner = 0;    // names this connection in later calls
    size_t receipts = 0;   // not released
  };
  // Gives the client's session to a connection, and tells the one that had it by its `taken_over`.
  // `done` when a session that must survive is durable; RESOURCE_EXHAUSTED when there are too many.
  void Open(const std::string& client_id, bool clean_start, uint32_t expiry_seconds,
            absl::AnyInvocable<void()> taken_over,
            absl::AnyInvocable<void(absl::StatusOr<Opened>)> done);
  // The connection ended. Without effect when another has the session by now; false then.
  bool Close(const std::string& client_id, uint64_t owner, uint32_t expiry_seconds);
  // Nobody has taken the session since.
  bool IsLast(const std::string& client_id, uint64_t owner);

  enum class Receipt { kNew, kKnown, kTooMany, kGone };
  struct Received {
    Receipt receipt = Receipt::kGone;
    uint64_t serial = 0;  // kNew
    std::string mark;     // likewise: the message's attribute; empty when none is needed
  };
  using Stored = absl::AnyInvocable<void(const absl::Status&)>;
  // A QoS 2 message came. kNew: the caller publishes it and says Finish. `stored` is called once
  // the message is durable, at once if it is; with an error the identifier is free again.
  Received Receive(const std::string& client_id, uint64_t owner, uint16_t packet_id, Stored stored);
  void Finish(const std::string& client_id, uint16_t packet_id, uint64_t serial,
              const absl::Status& status);
  // PUBREL: `done` when that is durable. NOT_FOUND when the identifier is not taken.
  void Release(const std::string& client_id, uint64_t owner, uint16_t packet_id, Stored done);

  size_t size() const;
  DeliveryLog& log() { return log_; }

 private:
  struct Entry {
    uint64_t serial = 0;
    bool durable = false;
    Stored waiter;
  };
  struct Session {
    std::string stream;
    uint32_t expiry = 0;  // seconds
    uint64_t owner = 0;
    bool connected = false;
    host::MonotonicTime ended{};
    absl::AnyInvocable<void()> taken_over;
    uint64_t next_serial = 1;
    std::map<uint16_t, Entry> receipts;
    // Read back only: what the snapshot's note said.
    uint64_t floor = 0;
    std::vector<uint64_t> storing, released;
  };

  void RestoreNote(const std::string& note, std::map<std::string, std::string>& clients)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void RestoreMark(Session& session, const DeliveryMark& mark);
  bool HasExpired(const Session& session, host::MonotonicTime now) const;
  // False when every session must be kept.
  bool MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Session* Find(const std::string& client_id, uint64_t owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static std::string NoteOf(const std::string& client_id, const Session& session);

  DeliveryLog& log_;
  const host::Clock& clock_;
  const size_t sessions_max_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_owner_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace afluente::source::mqtt
