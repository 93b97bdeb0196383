#include "broker/wire/stream_report.h"

#include <string>
#include <utility>

namespace afluente::broker::wire {
namespace {

using Response = StreamReport::Response;

void AddUnordered(const std::string& id, Response::AcknowledgeConfirmation& to) {
  to.add_unordered_ack_ids(id);
}
// A deadline has no order.
void AddUnordered(const std::string&, Response::ModifyAckDeadlineConfirmation&) {}

template <typename Confirmation>
void Sort(AckAnswer answer, Confirmation& to) {
  for (std::string& id : answer.successes) to.add_ack_ids(std::move(id));
  for (const AckFailure& each : answer.failures) {
    if (each.fault == AckFault::kInvalid)
      to.add_invalid_ack_ids(each.ack_id);
    else if (each.fault == AckFault::kTransient)
      to.add_temporary_failed_ack_ids(each.ack_id);
    else
      AddUnordered(each.ack_id, to);
  }
}

}  // namespace

void StreamReport::Confirm(Kind kind, AckAnswer answer) {
  if (!answer.exactly_once || (answer.successes.empty() && answer.failures.empty())) return;
  confirms_ = true;
  if (kind == Kind::kAcks)
    Sort(std::move(answer), *confirmations_.mutable_acknowledge_confirmation());
  else
    Sort(std::move(answer), *confirmations_.mutable_modify_ack_deadline_confirmation());
}

void StreamReport::AddProperties(Response& response) {
  if (told_ == properties_ && properties_ == ConsumerProperties()) return;
  told_ = properties_;
  auto& told = *response.mutable_subscription_properties();
  told.set_exactly_once_delivery_enabled(properties_.exactly_once);
  told.set_message_ordering_enabled(properties_.ordered);
}

StreamReport::Response StreamReport::Take() {
  Response response = std::exchange(confirmations_, Response());
  confirms_ = false;
  // Before the first messages a plain subscription has nothing to tell.
  if (told_ || properties_ != ConsumerProperties()) AddProperties(response);
  return response;
}

}  // namespace afluente::broker::wire
