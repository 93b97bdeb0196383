#include "broker/errors.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace afluente::broker {

absl::Status ResourceNotFound(std::string_view name) {
  return absl::NotFoundError(
      absl::StrCat("Resource not found (resource=", std::string(name), ")."));
}

absl::Status ResourceExists(std::string_view name) {
  return absl::AlreadyExistsError(
      absl::StrCat("Resource already exists in the project (resource=", std::string(name), ")."));
}

absl::Status SubscriptionDetached(std::string_view name) {
  return absl::FailedPreconditionError(
      absl::StrCat("Subscription is detached from its topic (resource=", std::string(name), ")."));
}

absl::Status OtherTopic(std::string_view snapshot, std::string_view subscription) {
  return absl::FailedPreconditionError(
      absl::StrCat("The snapshot ", std::string(snapshot), " and the subscription ",
                   std::string(subscription), " are of different topics."));
}

absl::Status PublishQueueFull(uint64_t bytes_max) {
  return absl::ResourceExhaustedError(absl::StrCat("publish_bytes_max: published messages of ",
                                                   bytes_max, " bytes wait for the disk."));
}

absl::Status JournalContradiction(std::string_view what) {
  return absl::DataLossError(absl::StrCat("the journal contradicts itself: ", std::string(what)));
}

absl::Status ConsumerClosed(std::string_view subscription) {
  return absl::CancelledError(
      absl::StrCat("The consumer was closed (resource=", std::string(subscription), ")."));
}

}  // namespace afluente::broker
