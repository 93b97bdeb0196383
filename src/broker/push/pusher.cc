#include "broker/push/pusher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/dispatcher.h"
#include "broker/push/push_request.h"
#include "telemetry/log.h"

namespace afluente::broker::push {
namespace {

// What one subscription, and all together, may have under way. One message alone always may.
constexpr int64_t kSubscriptionBytesMax = 16 << 20;
constexpr int64_t kBytesMax = 256 << 20;
constexpr size_t kAskBytesMax = 4 << 20;
// The endpoint's time ends before the lease does, so that the answer decides and not the lease.
constexpr std::chrono::seconds kLeaseMargin{2};
constexpr std::chrono::seconds kLeaseMax{600};
// After an error that has nothing to do with the endpoint.
constexpr std::chrono::seconds kReopenAfter{1};

// "response_class" in the metrics of Pub/Sub.
std::string ClassOf(const absl::StatusOr<http::Response>& answer) {
  if (answer.ok()) {
    if (IsAck(answer->status)) return "ack";
    if (answer->status / 100 == 4) return "remote_server_4xx";
    return answer->status / 100 == 5 ? "remote_server_5xx" : "invalid";
  }
  switch (answer.status().code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case absl::StatusCode::kUnavailable:
      return "unreachable";
    case absl::StatusCode::kInvalidArgument:
      return "invalid";
    default:
      return "internal";
  }
}

}  // namespace

struct Pusher::Sending {
  std::string ack_id;
  host::MonotonicTime began;
  int64_t bytes = 0;
};

void Pusher::Configure(SubscriptionSettings settings) {
  absl::MutexLock lock(&mutex_);
  settings_ = std::make_shared<const SubscriptionSettings>(std::move(settings));
  PostLocked();
}

void Pusher::Close() {
  absl::MutexLock lock(&mutex_);
  PostLocked();  // a last turn, which lets the consumer go
  closed_ = true;
}

void Pusher::PostLocked() {
  if (!closed_) parts_->dispatcher.Post(shared_from_this());
}

bool Pusher::idle() const {
  absl::MutexLock lock(&mutex_);
  return under_way_ == 0 && arrived_.empty();
}

PushStats Pusher::Stats() const {
  PushStats stats;
  stats.subscription = name_;
  stats.latency_counts = latencies_.Counts();
  stats.latency_seconds = latencies_.sum();
  absl::MutexLock lock(&mutex_);
  stats.requests = results_;
  return stats;
}

size_t Pusher::Room() const {
  size_t taken = under_way_ + arrived_.size();
  if (asking_ || taken >= window_.size()) return 0;
  size_t room = window_.size() - taken;
  if (parts_->bytes_under_way.load(std::memory_order_relaxed) > kBytesMax)
    room = taken == 0 ? 1 : 0;  // its own next answer brings the next look
  // One at a time, the broker hands out a key's next message when the one before is settled.
  return settings_->enable_message_ordering ? std::min<size_t>(room, 1) : room;
}

host::MonotonicTime Pusher::Take(host::MonotonicTime now) {
  std::vector<Delivered> arrived;
  std::vector<std::string> failed;
  Settings settings;
  host::MonotonicTime paused_until;
  bool closed = false;
  {
    absl::MutexLock lock(&mutex_);
    arrived.swap(arrived_);
    failed.swap(failed_);
    settings = settings_;
    paused_until = window_.paused_until();
    closed = closed_;
    if (!closed) under_way_ += arrived.size();
    if (closed || paused_until > now) asking_ = false;
  }
  // Drops the wait: what comes in a pause would only grow old here. Before the nacks, which would
  // bring the same messages at once.
  if (closed || paused_until > now) consumer_ = nullptr;
  if (closed) {
    for (Delivered& each : arrived) failed.push_back(std::move(each.ack_id));
  } else {
    for (const Delivered& each : arrived) Send(settings, each, now);
  }
  if (!failed.empty()) Nack(std::move(failed));
  if (closed) return host::MonotonicTime::max();
  return paused_until > now ? paused_until : Ask(*settings, now);
}

host::MonotonicTime Pusher::Ask(const SubscriptionSettings& settings, host::MonotonicTime now) {
  size_t room = 0;
  uint64_t number = 0;
  if (!OpenConsumer(settings)) return now + kReopenAfter;
  {
    absl::MutexLock lock(&mutex_);
    room = Room();
    asking_ = asking_ || room > 0;
    number = consumer_number_;
  }
  if (room == 0) return host::MonotonicTime::max();
  // Weak: the consumer holds the wait, and this the consumer.
  consumer_->Next(room, kAskBytesMax, [weak = weak_from_this(), number](auto delivered) {
    if (auto self = weak.lock()) self->OnMessages(std::move(delivered), number);
  });
  return host::MonotonicTime::max();
}

bool Pusher::OpenConsumer(const SubscriptionSettings& settings) {
  if (consumer_ && consumer_deadline_ == settings.ack_deadline) return true;
  consumer_ = nullptr;
  ConsumerOptions options;
  options.ack_deadline = std::min(settings.ack_deadline + kLeaseMargin, kLeaseMax);
  options.outstanding_bytes_max = kSubscriptionBytesMax;
  auto consumer = parts_->subscriptions.OpenConsumer(name_, options);
  {
    absl::MutexLock lock(&mutex_);
    asking_ = false;
    ++consumer_number_;
  }
  if (!consumer.ok()) {
    telemetry::Log(telemetry::Severity::kWarning, "a push subscription cannot be read",
                   {{"subscription", name_}, {"error", consumer.status().ToString()}});
    return false;
  }
  consumer_ = *std::move(consumer);
  consumer_deadline_ = settings.ack_deadline;
  return true;
}

// Only takes over: the requests are made on the dispatcher's thread, and this one is the broker's.
void Pusher::OnMessages(absl::StatusOr<std::vector<Delivered>> delivered, uint64_t consumer) {
  std::vector<std::string> given_back;
  {
    absl::MutexLock lock(&mutex_);
    if (consumer == consumer_number_) asking_ = false;
    if (!delivered.ok()) {
      if (closed_) return;
      const auto at = parts_->clock.Monotonic() + kReopenAfter;
      return parts_->dispatcher.Arm(shared_from_this(), at);
    }
    for (Delivered& each : *delivered) {
      if (closed_)
        given_back.push_back(std::move(each.ack_id));
      else
        arrived_.push_back(std::move(each));
    }
    PostLocked();
  }
  if (!given_back.empty()) Nack(std::move(given_back));
}

absl::Status Pusher::Authorize(const PushConfig& push, http::OutgoingRequest& request) const {
  if (!push.oidc_token) return absl::OkStatus();
  if (!parts_->id_tokens) return absl::FailedPreconditionError("there is no issuer of tokens");
  auto token = parts_->id_tokens(*push.oidc_token, push.endpoint);
  if (!token.ok()) return token.status();
  request.headers.Set("Authorization", absl::StrCat("Bearer ", *token));
  return absl::OkStatus();
}

void Pusher::Send(const Settings& settings, const Delivered& delivered, host::MonotonicTime now) {
  http::OutgoingRequest request = MakePushRequest(*settings->push, name_, delivered);
  Sending sending{delivered.ack_id, now, static_cast<int64_t>(request.body.size())};
  parts_->bytes_under_way.fetch_add(sending.bytes, std::memory_order_relaxed);
  absl::Status authorized = Authorize(*settings->push, request);
  if (!authorized.ok()) {
    telemetry::Log(telemetry::Severity::kError, "no token for a push",
                   {{"subscription", name_}, {"error", authorized.ToString()}});
    return OnAnswer(sending, absl::InternalError(authorized.message()));
  }
  parts_->pool.Send(
      std::move(request), settings->ack_deadline,
      [self = shared_from_this(), sending](const absl::StatusOr<http::Response>& answer) {
        self->OnAnswer(sending, answer);
      });
}

void Pusher::OnAnswer(const Sending& sending, const absl::StatusOr<http::Response>& answer) {
  const bool acked = answer.ok() && IsAck(answer->status);
  parts_->bytes_under_way.fetch_sub(sending.bytes, std::memory_order_relaxed);
  const host::MonotonicTime now = parts_->clock.Monotonic();
  latencies_.Observe(std::chrono::duration<double>(now - sending.began).count());
  bool closed = false;
  {
    absl::MutexLock lock(&mutex_);
    --under_way_;
    ++results_[{ClassOf(answer), answer.ok() ? answer->status : 0}];
    if (acked) {
      window_.Succeeded();
    } else {
      window_.Failed(sending.began, now);
      if (!closed_) failed_.push_back(sending.ack_id);
    }
    closed = closed_;
    PostLocked();
  }
  if (!acked) {
    if (closed) Nack({sending.ack_id});
    return;
  }
  // A refusal leaves the message to be pushed again.
  parts_->subscriptions.Acknowledge(name_, {sending.ack_id}, [](const absl::Status&) {});
}

void Pusher::Nack(std::vector<std::string> ack_ids) {
  parts_->subscriptions.ModifyAckDeadline(name_, std::move(ack_ids), std::chrono::seconds(0),
                                          [](const absl::Status&) {});
}

}  // namespace afluente::broker::push
