#include "source/mqtt/session_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/random.h"

namespace afluente::source::mqtt {
namespace {

constexpr size_t kStreamBytes = 12;

std::vector<std::string> Fields(absl::string_view text, char separator) {
  return absl::StrSplit(text, separator);
}

bool Contains(const std::vector<uint64_t>& list, uint64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string ReleaseNote(const std::string& stream, uint64_t serial) {
  return absl::StrCat("R\n", stream, "\n", serial);
}

// A message is stored where no mark of it can be read.
std::string StoredNote(const std::string& stream, uint64_t serial, uint16_t packet_id) {
  return absl::StrCat("Q\n", stream, "\n", serial, "\n", packet_id);
}

std::string EndNote(const std::string& stream) { return absl::StrCat("D\n", stream); }

}  // namespace

SessionTable::SessionTable(DeliveryLog& log, const host::Clock& clock, size_t sessions_max)
    : log_(log), clock_(clock), sessions_max_(sessions_max) {}

// S, stream, expiry, client id, the next serial, and packet-id:serial:durable for each receipt.
std::string SessionTable::NoteOf(const std::string& client_id, const Session& session) {
  std::string receipts;
  for (const auto& [packet_id, entry] : session.receipts) {
    absl::StrAppend(&receipts, packet_id, ":", entry.serial, ":", entry.durable ? 1 : 0, ",");
  }
  return absl::StrCat("S\n", session.stream, "\n", session.expiry, "\n", client_id, "\n",
                      session.next_serial, "\n", receipts);
}

void SessionTable::RestoreNote(const std::string& note,
                               std::map<std::string, std::string>& clients) {
  const std::vector<std::string> fields = Fields(note, '\n');
  if (fields.size() == 6 && fields[0] == "S") {
    Session session;
    session.stream = fields[1];
    if (!absl::SimpleAtoi(fields[2], &session.expiry) ||
        !absl::SimpleAtoi(fields[4], &session.next_serial)) {
      return;
    }
    session.floor = session.next_serial;
    session.ended = clock_.Monotonic();
    for (const std::string& text : Fields(fields[5], ',')) {
      const std::vector<std::string> parts = Fields(text, ':');
      uint32_t packet_id = 0;
      uint64_t serial = 0;
      if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &packet_id) ||
          !absl::SimpleAtoi(parts[1], &serial)) {
        continue;
      }
      if (parts[2] == "0") session.storing.push_back(serial);
      if (parts[2] == "1") {
        session.receipts[static_cast<uint16_t>(packet_id)] = {serial, true, nullptr};
      }
    }
    clients[session.stream] = fields[3];
    sessions_[fields[3]] = std::move(session);
    return;
  }
  const auto client = fields.size() < 2 ? clients.end() : clients.find(fields[1]);
  if (client == clients.end()) return;
  const auto found = sessions_.find(client->second);
  if (found == sessions_.end() || found->second.stream != fields[1]) return;
  uint64_t serial = 0;
  if (fields[0] == "D") sessions_.erase(found);
  uint32_t packet_id = 0;
  if (fields[0] == "Q" && fields.size() == 4 && absl::SimpleAtoi(fields[2], &serial) &&
      absl::SimpleAtoi(fields[3], &packet_id)) {
    found->second.next_serial = std::max(found->second.next_serial, serial + 1);
    found->second.receipts[static_cast<uint16_t>(packet_id)] = {serial, true, nullptr};
    return;
  }
  if (fields[0] != "R" || fields.size() != 3 || !absl::SimpleAtoi(fields[2], &serial)) return;
  Session& session = found->second;
  session.released.push_back(serial);
  session.next_serial = std::max(session.next_serial, serial + 1);
  std::erase_if(session.receipts,
                [serial](const auto& one) { return one.second.serial == serial; });
}

void SessionTable::RestoreMark(Session& session, const DeliveryMark& mark) {
  uint32_t packet_id = 0;
  if (!absl::SimpleAtoi(mark.detail, &packet_id)) return;
  session.next_serial = std::max(session.next_serial, mark.item + 1);
  if (Contains(session.released, mark.item)) return;
  // Older ones than the snapshot are in it, if they count.
  if (mark.item < session.floor && !Contains(session.storing, mark.item)) return;
  session.receipts[static_cast<uint16_t>(packet_id)] = {mark.item, true, nullptr};
}

void SessionTable::Restore(const DeliveryLog::Recovered& recovered) {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, std::string> clients;  // by stream
  for (const std::string& note : recovered.notes) RestoreNote(note, clients);
  for (const DeliveryMark& mark : recovered.marks) {
    const auto client = clients.find(mark.stream);
    if (client == clients.end()) continue;
    const auto found = sessions_.find(client->second);
    if (found != sessions_.end() && found->second.stream == mark.stream) {
      RestoreMark(found->second, mark);
    }
  }
  for (auto& [client, session] : sessions_) {
    session.storing.clear();
    session.released.clear();
  }
}

bool SessionTable::HasExpired(const Session& session, host::MonotonicTime now) const {
  if (session.connected || session.expiry == kNeverExpires) return false;
  return now - session.ended >= std::chrono::seconds(session.expiry);
}

std::vector<std::string> SessionTable::Snapshot() {
  absl::MutexLock lock(&mutex_);
  const auto now = clock_.Monotonic();
  absl::erase_if(sessions_, [&](const auto& one) { return HasExpired(one.second, now); });
  std::vector<std::string> notes;
  for (const auto& [client, session] : sessions_) {
    if (session.expiry > 0) notes.push_back(NoteOf(client, session));
  }
  return notes;
}

bool SessionTable::MakeRoom() {
  if (sessions_.size() < sessions_max_) return true;
  const auto now = clock_.Monotonic();
  auto oldest = sessions_.end();
  for (auto i = sessions_.begin(); i != sessions_.end(); ++i) {
    const Session& session = i->second;
    if (session.connected || (!session.receipts.empty() && !HasExpired(session, now))) continue;
    if (oldest == sessions_.end() || session.ended < oldest->second.ended) oldest = i;
  }
  if (oldest == sessions_.end()) return false;
  sessions_.erase(oldest);
  return true;
}

void SessionTable::Open(const std::string& client_id, bool clean_start, uint32_t expiry_seconds,
                        absl::AnyInvocable<void()> taken_over,
                        absl::AnyInvocable<void(absl::StatusOr<Opened>)> done) {
  absl::AnyInvocable<void()> previous;
  std::vector<std::string> notes;
  Opened opened;
  bool room = true;
  {
    absl::MutexLock lock(&mutex_);
    auto found = sessions_.find(client_id);
    if (found != sessions_.end()) {
      if (found->second.connected) previous = std::move(found->second.taken_over);
      if (clean_start || HasExpired(found->second, clock_.Monotonic())) {
        if (found->second.expiry > 0) notes.push_back(EndNote(found->second.stream));
        sessions_.erase(found);
        found = sessions_.end();
      }
    }
    opened.present = found != sessions_.end();
    room = opened.present || MakeRoom();
    if (room) {
      Session& session = sessions_[client_id];
      const bool note = expiry_seconds > 0 && (!opened.present || session.expiry != expiry_seconds);
      // It ends with this connection, so a crash must not bring it back either.
      if (expiry_seconds == 0 && session.expiry > 0) notes.push_back(EndNote(session.stream));
      if (!opened.present) session.stream = host::RandomHex(kStreamBytes);
      session.expiry = expiry_seconds;
      session.owner = opened.owner = next_owner_++;
      session.connected = true;
      session.taken_over = std::move(taken_over);
      opened.receipts = session.receipts.size();
      if (note) notes.push_back(NoteOf(client_id, session));
    }
  }
  if (previous) previous();
  if (!room) return done(absl::ResourceExhaustedError("too many sessions"));
  if (notes.empty()) return done(opened);
  // In order; the last one's answer is the answer of both.
  while (notes.size() > 1) {
    log_.Append(std::move(notes.front()), [](const absl::Status&) {});
    notes.erase(notes.begin());
  }
  log_.Append(std::move(notes.front()),
              [opened, done = std::move(done)](absl::Status status) mutable {
                if (!status.ok()) return done(std::move(status));
                done(opened);
              });
}

SessionTable::Session* SessionTable::Find(const std::string& client_id, uint64_t owner) {
  const auto found = sessions_.find(client_id);
  return found == sessions_.end() || found->second.owner != owner ? nullptr : &found->second;
}

bool SessionTable::Close(const std::string& client_id, uint64_t owner, uint32_t expiry_seconds) {
  std::string note;
  {
    absl::MutexLock lock(&mutex_);
    Session* session = Find(client_id, owner);
    if (session == nullptr) return false;
    session->connected = false;
    session->taken_over = nullptr;
    session->ended = clock_.Monotonic();
    const bool was_kept = session->expiry > 0;
    const bool changed = session->expiry != expiry_seconds;
    session->expiry = expiry_seconds;
    if (expiry_seconds == 0) {
      if (was_kept) note = EndNote(session->stream);
      sessions_.erase(client_id);
    } else if (changed) {
      note = NoteOf(client_id, *session);
    }
  }
  if (!note.empty()) log_.Append(std::move(note), [](const absl::Status&) {});
  return true;
}

bool SessionTable::IsLast(const std::string& client_id, uint64_t owner) {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(client_id);
  return found == sessions_.end() || (found->second.owner == owner && !found->second.connected);
}

SessionTable::Received SessionTable::Receive(const std::string& client_id, uint64_t owner,
                                             uint16_t packet_id, Stored stored) {
  Received received;
  {
    absl::MutexLock lock(&mutex_);
    Session* session = Find(client_id, owner);
    if (session == nullptr) return received;
    const auto found = session->receipts.find(packet_id);
    if (found == session->receipts.end()) {
      if (session->receipts.size() >= kReceiptsMax) {
        received.receipt = Receipt::kTooMany;
        return received;
      }
      received.receipt = Receipt::kNew;
      received.serial = session->next_serial++;
      if (session->expiry > 0) {
        received.mark =
            DeliveryMark{session->stream, received.serial, std::to_string(packet_id), ""}
                .ToAttribute();
      }
      session->receipts[packet_id] = {received.serial, false, std::move(stored)};
      return received;
    }
    received.receipt = Receipt::kKnown;
    if (!found->second.durable) {
      found->second.waiter = std::move(stored);
      return received;
    }
  }
  stored(absl::OkStatus());
  return received;
}

void SessionTable::Finish(const std::string& client_id, uint16_t packet_id, uint64_t serial,
                          const absl::Status& status) {
  Stored waiter;
  std::string note;
  {
    absl::MutexLock lock(&mutex_);
    const auto session = sessions_.find(client_id);
    if (session == sessions_.end()) return;
    const auto found = session->second.receipts.find(packet_id);
    if (found == session->second.receipts.end() || found->second.serial != serial) return;
    waiter = std::move(found->second.waiter);
    found->second.waiter = nullptr;
    found->second.durable = status.ok();
    if (!status.ok()) session->second.receipts.erase(found);
    if (status.ok() && session->second.expiry > 0 && !log_.reads_topics()) {
      note = StoredNote(session->second.stream, serial, packet_id);
    }
  }
  if (note.empty()) {
    if (waiter) waiter(status);
    return;
  }
  // The message is stored whatever becomes of the note, which only a crash would ask for.
  log_.Append(std::move(note), [waiter = std::move(waiter)](const absl::Status&) mutable {
    if (waiter) waiter(absl::OkStatus());
  });
}

void SessionTable::Release(const std::string& client_id, uint64_t owner, uint16_t packet_id,
                           Stored done) {
  std::string note;
  uint64_t serial = 0;
  bool known = false;
  {
    absl::MutexLock lock(&mutex_);
    Session* session = Find(client_id, owner);
    if (session != nullptr) {
      const auto found = session->receipts.find(packet_id);
      known = found != session->receipts.end() && found->second.durable;
      if (known) {
        serial = found->second.serial;
        if (session->expiry > 0) note = ReleaseNote(session->stream, serial);
        session->receipts.erase(found);
      }
    }
  }
  if (!known) return done(absl::NotFoundError("the packet identifier is not taken"));
  if (note.empty()) return done(absl::OkStatus());
  log_.Append(std::move(note), [this, client_id, packet_id, serial, owner,
                                done = std::move(done)](absl::Status status) mutable {
    if (!status.ok()) {
      // A crash would bring it back: then it must not look released before.
      absl::MutexLock lock(&mutex_);
      Session* session = Find(client_id, owner);
      if (session != nullptr) session->receipts[packet_id] = {serial, true, nullptr};
    }
    done(status);
  });
}

size_t SessionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return sessions_.size();
}

}  // namespace afluente::source::mqtt
