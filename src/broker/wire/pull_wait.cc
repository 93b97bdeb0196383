#include "broker/wire/pull_wait.h"

#include <grpcpp/alarm.h>

#include <utility>
#include <vector>

#include "broker/wire/traffic.h"
#include "host/cancellation.h"

namespace afluente::broker::wire {

struct PullWait::Timer {
  grpc::Alarm alarm;
};

PullWait::PullWait(Service& service, std::string subscription, std::unique_ptr<Consumer> consumer,
                   Reply<pubsub::PullResponse> reply)
    : service_(service),
      subscription_(std::move(subscription)),
      consumer_(std::move(consumer)),
      timer_(std::make_unique<Timer>()),
      reply_(std::move(reply)) {}

PullWait::~PullWait() = default;

void PullWait::Start(Service& service, std::string subscription, std::unique_ptr<Consumer> consumer,
                     const PullLimits& limits, const Call& call,
                     Reply<pubsub::PullResponse> reply) {
  std::shared_ptr<PullWait> pull(
      new PullWait(service, std::move(subscription), std::move(consumer), std::move(reply)));
  pull->consumer_->Next(limits.messages_max, limits.bytes_max,
                        [pull](absl::StatusOr<std::vector<Delivered>> delivered) {
                          pull->OnMessages(std::move(delivered));
                        });
  if (limits.wait.count() <= 0) return pull->End(absl::OkStatus());
  pull->Watch(call, limits.wait);
}

void PullWait::Watch(const Call& call, std::chrono::milliseconds wait) {
  absl::StatusOr<uint64_t> ticket = service_.open_calls().Add([weak = weak_from_this()] {
    if (auto pull = weak.lock()) pull->End(absl::UnavailableError("The server is stopping."));
  });
  if (!ticket.ok()) return End(ticket.status());
  bool answered = false;
  {
    absl::MutexLock lock(&mutex_);
    answered = answered_;
    ticket_ = *ticket;
    // Set under the lock, so that the answer's Cancel comes after it or finds nothing set. Weak:
    // gRPC keeps the callback as long as the alarm. It never runs in here.
    if (!answered)
      timer_->alarm.Set(std::chrono::system_clock::now() + wait,
                        [weak = weak_from_this()](bool fired) {
                          auto pull = fired ? weak.lock() : nullptr;
                          if (pull != nullptr) pull->End(absl::OkStatus());
                        });
  }
  if (answered) return service_.open_calls().Remove(*ticket);
  if (call.cancellation)
    call.cancellation->OnCancel([weak = weak_from_this()] {
      if (auto pull = weak.lock()) pull->End(absl::CancelledError("The caller went away."));
    });
}

void PullWait::End(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (answered_) return;
    end_ = std::move(status);
  }
  // Makes Next answer, which is the one place that replies.
  consumer_->Close();
}

void PullWait::OnMessages(absl::StatusOr<std::vector<Delivered>> delivered) {
  Reply<pubsub::PullResponse> reply;
  absl::Status end;
  uint64_t ticket = 0;
  {
    absl::MutexLock lock(&mutex_);
    answered_ = true;
    reply = std::move(reply_);
    end = end_;
    ticket = ticket_;
  }
  timer_->alarm.Cancel();
  if (ticket != 0) service_.open_calls().Remove(ticket);
  if (!end.ok()) {
    if (delivered.ok()) GiveBack(*delivered);
    return reply(end);
  }
  if (!delivered.ok() && !absl::IsCancelled(delivered.status())) return reply(delivered.status());
  pubsub::PullResponse response;
  if (delivered.ok()) {
    for (const Delivered& one : *delivered) ToProto(one, *response.add_received_messages());
    service_.traffic().delivered_messages.Add(delivered->size());
  }
  reply(std::move(response));
}

void PullWait::GiveBack(const std::vector<Delivered>& delivered) {
  std::vector<std::string> ack_ids;
  ack_ids.reserve(delivered.size());
  for (const Delivered& one : delivered) ack_ids.push_back(one.ack_id);
  service_.subscriptions().ModifyAckDeadline(subscription_, std::move(ack_ids),
                                             std::chrono::seconds(0), [](const AckAnswer&) {});
}

}  // namespace afluente::broker::wire
