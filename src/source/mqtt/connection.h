#pragma once

// Private to this folder: the only header here that names Asio.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>

#include "absl/synchronization/mutex.h"
#include "source/mqtt/conversation.h"
#include "source/mqtt/traffic.h"

namespace afluente::source::mqtt {

class Connection;

// What the connections of a door share; kept by each of them.
struct Door {
  Door(broker::Publisher& publisher_port, SessionTable& session_table,
       const host::Clock& door_clock, telemetry::Metrics& metrics, std::vector<Route> route_list,
       Admit admit_port, const DoorLimits& door_limits)
      : routes(std::move(route_list)),
        admit(std::move(admit_port)),
        clock(door_clock),
        limits(door_limits),
        traffic(metrics),
        publisher(publisher_port),
        sessions(session_table) {}

  const Routes routes;
  const Admit admit;
  const host::Clock& clock;
  const DoorLimits limits;
  Traffic traffic;
  broker::Publisher& publisher;
  SessionTable& sessions;
  std::atomic<bool> open{true};

  absl::Mutex mutex;
  std::set<std::shared_ptr<Connection>> connections ABSL_GUARDED_BY(mutex);
};

// One client's socket: bytes to packets and back, within limits of size and time. All on its loop's
// thread but Post and After.
class Connection final : public Line, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using TlsStream = boost::asio::ssl::stream<Socket>;

  // `tls` null: plain. Owns `fd`.
  Connection(std::shared_ptr<Door> door, boost::asio::io_context& io, int fd,
             std::shared_ptr<boost::asio::ssl::context> tls);
  ~Connection() override;

  void Start();
  void Shut();   // the door closes
  void Abort();  // at once
  boost::asio::io_context& io() { return io_; }

  void Send(std::string bytes) override;
  void Close() override;
  void Post(absl::AnyInvocable<void()> work) override;
  void After(std::chrono::milliseconds delay, absl::AnyInvocable<void()> work) override;
  void Resume() override;

 private:
  using Error = boost::system::error_code;

  void Begin(std::string certificate_name);
  std::string CertificateName();
  Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }
  void Read();
  void OnRead(const Error& error, size_t bytes);
  // Hands packets over as long as they are whole and wanted.
  void Parse();
  // Whether the packet at the front, of `size` bytes, may be received now.
  bool MayReceive(uint64_t size);
  void LetGoOfLarge();
  void Write();
  void OnWritten(const Error& error);
  void FinishSending();
  void Discard();
  void Finish();
  void Arm();
  void OnTimer();

  const std::shared_ptr<Door> door_;
  boost::asio::io_context& io_;
  const std::shared_ptr<boost::asio::ssl::context> context_;  // shared by the door's connections
  std::unique_ptr<Socket> plain_;
  std::unique_ptr<TlsStream> tls_;
  boost::asio::steady_timer timer_;
  host::MonotonicTime armed_;                   // when the timer rings
  std::shared_ptr<Conversation> conversation_;  // shared: what it waits for keeps it
  std::string in_;
  size_t filled_ = 0;    // of in_
  uint64_t wanted_ = 0;  // the size of the packet that is being received; 0 = not known yet
  host::MonotonicTime packet_deadline_ = host::MonotonicTime::max();
  uint64_t large_ = 0;  // reserved of all connections' room
  std::string out_, writing_;
  bool reading_ = false, parsing_ = false, closing_ = false, draining_ = false, finished_ = false;
};

}  // namespace afluente::source::mqtt
