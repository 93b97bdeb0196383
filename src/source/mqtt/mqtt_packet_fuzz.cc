// Takes the input as packets of both versions: what is read from one is written and read again the
// same, and no prefix of a packet is taken for a whole one.
#include <string>

#include "fuzz/accepted.h"
#include "host/check.h"
#include "source/mqtt/packet.h"

namespace afluente::source::mqtt {
namespace {

bool ReadAll(std::string_view bytes, Version version) {
  bool read = false;
  while (!bytes.empty()) {
    const auto size = PacketSize(bytes);
    if (!size.ok() || *size == 0 || *size > bytes.size()) return read;
    const std::string_view one = bytes.substr(0, *size);
    AFLUENTE_CHECK(!Decode(one.substr(0, one.size() - 1), version).ok());
    const auto packet = Decode(one, version);
    if (packet.ok()) {
      const auto again = Decode(Encode(*packet, version), version);
      AFLUENTE_CHECK(again.ok());
      AFLUENTE_CHECK(*again == *packet);
      read = true;
    }
    bytes.remove_prefix(*size);
  }
  return read;
}

}  // namespace
}  // namespace afluente::source::mqtt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::source::mqtt;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const bool old = ReadAll(input, Version::k311);
  const bool five = ReadAll(input, Version::k5);
  afluente::fuzz::accepted = old || five;
  return 0;
}
