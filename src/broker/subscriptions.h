#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/resources.h"
#include "broker/topics.h"
#include "event/message.h"

namespace afluente::broker {

// One delivery of a message to an outside subscriber.
struct Delivered {
  std::string ack_id;
  std::shared_ptr<const event::Message>
      message;                   // shared: the topic's memory and every delivery hold it
  int64_t delivery_attempt = 0;  // 0 = the subscription does not count attempts
};

struct ConsumerOptions {
  std::chrono::seconds ack_deadline{0};  // 0 = the subscription's
  int64_t outstanding_messages_max = 0;  // 0 = no limit by the client
  int64_t outstanding_bytes_max = 0;
  bool wants_properties = false;  // Next answers with no message when the properties change
};

// What a consumer's client is told of the subscription.
struct ConsumerProperties {
  bool exactly_once = false;
  bool ordered = false;
  friend bool operator==(const ConsumerProperties&, const ConsumerProperties&) = default;
};

// One StreamingPull stream, or one waiting Pull. Destroying it drops its wait unanswered (a `ready`
// that is running may still end later); its leases run on.
class Consumer {
 public:
  virtual ~Consumer() = default;
  using Ready = absl::AnyInvocable<void(absl::StatusOr<std::vector<Delivered>>)>;
  // Calls `ready` once when at least one message may be delivered within the consumer's flow
  // control (at once if so now), with at most `messages_max` and `bytes_max`; or with NOT_FOUND
  // when the subscription is deleted, CANCELLED when the consumer is closed. It must not block.
  virtual void Next(size_t messages_max, size_t bytes_max, Ready ready) = 0;
  virtual void Close() = 0;
  // As of now; they change with the subscription's settings.
  virtual ConsumerProperties properties() const { return {}; }
};

// Why one ack id of several was not taken, with exactly-once delivery.
enum class AckFault : uint8_t {
  kInvalid,    // for good: no id of ours, of an earlier delivery, or its lease ran out
  kTransient,  // the disk refused; may be sent again
  kUnordered,  // an earlier message of its ordering key is not acked; may be sent again after that
};
struct AckFailure {
  std::string ack_id;
  AckFault fault;
};

// The answer to acks and deadline changes. Converts to its status for those who ask no more.
struct AckAnswer {
  AckAnswer() = default;
  AckAnswer(absl::Status whole) : status(std::move(whole)) {}  // NOLINT: an answer without details
  operator const absl::Status&() const { return status; }      // NOLINT
  bool ok() const { return status.ok(); }

  absl::Status status;  // of the request as a whole
  // With exactly-once delivery each ack id is answered for.
  bool exactly_once = false;
  std::vector<std::string> successes;
  std::vector<AckFailure> failures;
};

// Port: subscriptions, their leases and their acks. Thread-safe. Mutations of subscriptions block
// until on disk; acks answer through `done` when they are on disk. Errors as Topics'.
class Subscriptions {
 public:
  virtual ~Subscriptions() = default;
  virtual absl::StatusOr<SubscriptionSettings> CreateSubscription(
      SubscriptionSettings settings) = 0;
  virtual absl::StatusOr<SubscriptionSettings> UpdateSubscription(
      SubscriptionSettings settings) = 0;
  virtual absl::Status DeleteSubscription(std::string_view name) = 0;
  virtual absl::StatusOr<SubscriptionSettings> GetSubscription(std::string_view name) const = 0;
  virtual absl::StatusOr<Page<SubscriptionSettings>> ListSubscriptions(
      std::string_view project, size_t page_size, std::string_view page_token) const = 0;

  virtual absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(std::string_view subscription,
                                                                 ConsumerOptions options) = 0;

  using Done = absl::AnyInvocable<void(AckAnswer)>;
  // Without exactly-once delivery unknown ack ids are ignored, and one whose lease ran out still
  // counts, whoever has the message by now. With it an ack id counts as long as its lease runs (or
  // again, shortly after it succeeded), and the answer names those that failed.
  virtual void Acknowledge(std::string_view subscription, std::vector<std::string> ack_ids,
                           Done done) = 0;
  // A deadline of 0 is a nack: a failed delivery, after which the message is delivered again by the
  // retry policy. Ids of earlier deliveries of the message, and of leases that ran out, are ignored
  // or, with exactly-once delivery, named as failed.
  virtual void ModifyAckDeadline(std::string_view subscription, std::vector<std::string> ack_ids,
                                 std::chrono::seconds deadline, Done done) = 0;
};

}  // namespace afluente::broker
