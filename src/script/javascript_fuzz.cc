// Takes the input as a transform's code, with a function f: it compiles or does not, the call comes
// back, and so does the next one.
#include "fuzz/accepted.h"
#include "script/javascript.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente;
  script::Limits limits;
  limits.time_max = std::chrono::milliseconds(20);
  limits.memory_bytes_max = 8 << 20;
  limits.result_bytes_max = 1 << 20;
  auto compiled =
      script::JavaScript::Compile("f", {reinterpret_cast<const char*>(bytes), size}, limits);
  fuzz::accepted = compiled.ok();
  if (!compiled.ok()) return 0;
  event::Message message;
  message.data = R"({"a":[1,"x",null]})";
  message.attributes = {{"a", "1"}, {"name", "n"}};
  message.ordering_key = "key";
  message.message_id = "7";
  for (int call = 0; call < 2; ++call) (void)(*compiled)->Call(message);
  return 0;
}
