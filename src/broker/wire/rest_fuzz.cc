// Takes the input as what REST reads, in lines: a path, a query parameter's field and its text, and
// the JSON of a message. What is taken can be printed and read again, to the same message.
#include "absl/strings/str_split.h"
#include "broker/wire/json.h"
#include "broker/wire/path_template.h"
#include "fuzz/accepted.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/pubsub/v1/pubsub.pb.h"
#include "host/check.h"

namespace afluente::broker::wire {
namespace {

bool ReadPath(const std::string& path) {
  bool matched = false;
  for (const char* pattern : {"/v1/{topic=projects/*/topics/*}:publish", "/v1/{name}/x/{other=**}",
                              "/v1/{resource=**}:verb"}) {
    auto captures = PathTemplate::Parse(pattern)->Match(path);
    matched = matched || captures.has_value();
  }
  // A pattern of the input's own is refused, or matched as any other.
  auto own = PathTemplate::Parse(path);
  if (own.ok()) (void)own->Match("/v1/projects/p/topics/t:publish");
  return matched;
}

template <typename Message>
bool ReadJson(std::string_view json) {
  Message message;
  if (!MergeJson(json, message).ok()) return false;
  std::string printed;
  AFLUENTE_CHECK(PrintJson(message, JsonStyle(), printed).ok());
  Message again;
  AFLUENTE_CHECK(MergeJson(printed, again).ok());
  AFLUENTE_CHECK(google::protobuf::util::MessageDifferencer::Equals(message, again));
  return true;
}

}  // namespace
}  // namespace afluente::broker::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::broker::wire;
  std::vector<std::string> lines = absl::StrSplit(
      absl::string_view(reinterpret_cast<const char*>(bytes), size), absl::MaxSplits('\n', 3));
  lines.resize(4);
  bool matched = ReadPath(lines[0]);
  google::pubsub::v1::Subscription settings;
  bool set = SetFromText(lines[1], lines[2], settings).ok();
  bool publish = ReadJson<google::pubsub::v1::PublishRequest>(lines[3]);
  bool subscription = ReadJson<google::pubsub::v1::UpdateSubscriptionRequest>(lines[3]);
  afluente::fuzz::accepted = matched && set && (publish || subscription);
  return 0;
}
