#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "source/mqtt/packet.h"

namespace afluente::source::mqtt {

// Takes the wire's forms off the front of a packet's bytes. After a failure it gives empty values,
// and status() says what was wrong.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  uint8_t Byte();
  uint16_t Two();
  uint32_t Four();
  uint32_t Variable();
  std::string Binary();
  std::string Text();  // UTF-8 without NUL (MQTT 5, 1.5.4)
  std::string_view Take(size_t size);
  std::string_view Rest() { return Take(bytes_.size()); }

  void Fail(std::string_view what);
  void Violate(std::string_view what);  // a protocol error
  bool ok() const { return status_.ok(); }
  bool empty() const { return bytes_.empty(); }
  const absl::Status& status() const { return status_; }

 private:
  std::string_view bytes_;
  absl::Status status_;
};

void AppendTwo(std::string& out, uint16_t value);
void AppendVariable(std::string& out, uint32_t value);
void AppendText(std::string& out, std::string_view text);

// Where properties stand, as a bit of the sets that each may stand in.
enum class Place : uint32_t {
  kConnect = 1 << 0,
  kConnack = 1 << 1,
  kPublish = 1 << 2,
  kWill = 1 << 3,
  kAck = 1 << 4,
  kSubscribe = 1 << 5,
  kSuback = 1 << 6,
  kUnsubscribe = 1 << 7,
  kDisconnect = 1 << 8,
  kAuth = 1 << 9,
};

// A length and the properties. Those that may not stand there, or twice, are protocol errors.
Properties ReadProperties(WireReader& reader, Place place);
void AppendProperties(std::string& out, const Properties& properties);

}  // namespace afluente::source::mqtt
