#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "host/clock.h"
#include "source/mqtt/admission.h"
#include "source/mqtt/packet.h"
#include "source/mqtt/routes.h"
#include "source/mqtt/session_table.h"

namespace afluente::broker {
class Publisher;
}

namespace afluente::source::mqtt {

class Traffic;

// The limits of a door. Beyond each is a refusal by reason code, or waiting.
struct DoorLimits {
  uint64_t packet_bytes_max = 10 << 20;
  uint64_t connect_bytes_max = 256 << 10;  // of the first packet
  size_t connections_max = 10'000;
  size_t sessions_max = 100'000;
  uint16_t receive_maximum = 256;               // messages of a client that wait for the disk
  uint64_t client_bytes_max = 4 << 20;          // their bytes
  uint64_t in_flight_bytes_max = 64 << 20;      // all clients together
  uint64_t large_packet_bytes_max = 128 << 20;  // packets being received, likewise
  uint16_t topic_aliases = 16;
  uint16_t keep_alive_max = 3'600;  // seconds, for MQTT 5, which can be told
  size_t delayed_wills_max = 10'000;
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds packet_timeout{60};  // from its first byte to its last
};

// What a conversation needs of the connection it runs on; owned by it.
class Line {
 public:
  virtual ~Line() = default;
  // On the connection's thread.
  virtual void Send(std::string bytes) = 0;
  // Ends the connection when what was sent is written. OnEnd follows.
  virtual void Close() = 0;
  // From any thread: runs `work` on the connection's, also when the connection has ended; drops it
  // when the door is closed.
  virtual void Post(absl::AnyInvocable<void()> work) = 0;
  virtual void After(std::chrono::milliseconds delay, absl::AnyInvocable<void()> work) = 0;
  // The conversation takes packets again.
  virtual void Resume() = 0;
};

// One client from its CONNECT on: what each packet means, and which answer it gets when. On its
// connection's thread alone; kept alive by what it waits for.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  struct Ports {
    broker::Publisher& publisher;
    SessionTable& sessions;
    const Routes& routes;
    const Admit& admit;
    const host::Clock& clock;
    Traffic& traffic;
    const DoorLimits& limits;
  };
  Conversation(const Ports& ports, std::shared_ptr<Line> line, std::string certificate_name);

  // A whole packet.
  void OnPacket(std::string_view bytes);
  // The bytes are no packets, or one is too large.
  void OnMalformed(Reason reason);
  // The connection is gone, whoever ended it.
  void OnEnd();
  // The door closes.
  void Shut();
  // Whether it takes another packet now; else Line::Resume says when.
  bool WantsMore() const;
  uint64_t packet_bytes_max() const;
  // When something must have come; then Expire.
  host::MonotonicTime deadline() const { return deadline_; }
  void Expire();

 private:
  enum class State { kNew, kAdmitting, kOpen, kEnded };
  // An answer that waits for its turn: they go out in the order of the messages.
  struct Slot {
    uint64_t number;
    bool ready = false;
    std::string bytes;
  };

  void OnConnect(Connect connect);
  absl::Status CheckConnect(Connect& connect);
  void OnAdmitted(absl::StatusOr<Admission> admission);
  void OnOpened(absl::StatusOr<SessionTable::Opened> opened);
  void SendConnack(bool present);
  void Refuse(Reason reason, uint8_t code_311);
  void OnOther(const Packet& packet);
  void OnSubscribe(const Subscribe& subscribe);
  void OnUnsubscribe(const Unsubscribe& unsubscribe);
  void OnDisconnect(const Disconnect& disconnect);
  void End(Reason reason, bool with_will);
  void SendWill(std::chrono::seconds delay);

  void OnPublish(Publish publish);
  bool ResolveAlias(Publish& publish);
  // The message on its way to the topic, or why it is refused.
  absl::StatusOr<event::Draft> MakeDraft(const Publish& publish, const Route*& route, bool will);
  void Store(const Publish& publish);
  void StoreOnce(const Publish& publish);  // QoS 2
  void ToBroker(const Route& route, event::Draft draft,
                absl::AnyInvocable<void(absl::Status)> then);
  uint64_t OpenSlot();
  void FillSlot(uint64_t number, std::string bytes);
  void Answer(uint8_t qos, uint16_t packet_id, uint64_t slot, const absl::Status& status);
  void OnPubrel(const Ack& ack);
  void Rearm();

  bool five() const { return connect_.version == Version::k5; }

  const Ports ports_;
  const std::shared_ptr<Line> line_;  // shared: it posts to us after the connection's end
  const std::string certificate_name_;
  State state_ = State::kNew;
  Connect connect_;
  bool assigned_id_ = false;
  Admission admission_;
  uint64_t owner_ = 0;
  uint32_t expiry_ = 0;
  uint16_t keep_alive_ = 0;
  bool will_due_ = false;
  std::vector<std::string> aliases_;
  std::deque<Slot> slots_;
  uint64_t next_slot_ = 0;
  size_t unreleased_ = 0;  // QoS 2 identifiers that the client has taken
  uint64_t bytes_in_flight_ = 0;
  bool waits_ = false;  // for room of all clients
  host::MonotonicTime deadline_;
};

}  // namespace afluente::source::mqtt
