#include "broker/wire/status_details.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace afluente::broker::wire {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// Clients send again what fails with a word that starts with TRANSIENT_FAILURE_.
const char* NameOf(AckFault fault) {
  switch (fault) {
    case AckFault::kInvalid:
      return "PERMANENT_FAILURE_INVALID_ACK_ID";
    case AckFault::kTransient:
      return "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE";
    case AckFault::kUnordered:
      return "TRANSIENT_FAILURE_UNORDERED_ACK_ID";
  }
  return "";
}

}  // namespace

absl::Status AckFailuresStatus(AckAnswer answer, bool may_repeat) {
  google::rpc::ErrorInfo info;
  info.set_reason("EXACTLY_ONCE_ACKID_FAILURE");
  info.set_domain("pubsub.googleapis.com");
  const auto& failures = answer.failures;
  for (const AckFailure& each : failures)
    (*info.mutable_metadata())[each.ack_id] = NameOf(each.fault);
  const bool for_good = std::any_of(failures.begin(), failures.end(), [](const AckFailure& each) {
    return each.fault == AckFault::kInvalid;
  });
  // Only an error that stands for good makes clients give up what it does not name.
  if (may_repeat && for_good) {
    for (const std::string& id : answer.successes)
      (*info.mutable_metadata())[id] = NameOf(AckFault::kTransient);
  }
  absl::Status status =
      for_good
          ? absl::InvalidArgumentError(
                "Some acknowledgement ids in the request were invalid: they expired, were "
                "replaced by those of a newer delivery, or are malformed.")
          : absl::UnavailableError(
                "Some acknowledgement ids in the request were not processed; send them again.");
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

google::rpc::Status DetailsOf(const absl::Status& status) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.ForEachPayload([&details](absl::string_view url, const absl::Cord& payload) {
    google::protobuf::Any& any = *details.add_details();
    any.set_type_url(std::string(url));
    any.set_value(std::string(payload));
  });
  return details;
}

}  // namespace afluente::broker::wire
