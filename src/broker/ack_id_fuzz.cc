// Takes the input as an ack id: what is one names the same delivery when it is written again.
#include "broker/ack_id.h"
#include "fuzz/accepted.h"
#include "host/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::broker;
  auto id = ParseAckId({reinterpret_cast<const char*>(bytes), size});
  afluente::fuzz::accepted = id.has_value();
  if (!id) return 0;
  auto again = ParseAckId(FormatAckId(*id));
  AFLUENTE_CHECK(again && again->subscription == id->subscription &&
                 again->sequence == id->sequence && again->generation == id->generation &&
                 again->ordered == id->ordered);
  return 0;
}
