#include "source/forwarder.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/subscriptions.h"
#include "schema/format_value.h"
#include "telemetry/log.h"

namespace afluente::source {
namespace {

constexpr size_t kBatchMessages = 500;
constexpr size_t kBatchBytes = 4 << 20;
constexpr int kInFlightMax = 4;
constexpr std::chrono::milliseconds kBackoffMin{500};
constexpr std::chrono::milliseconds kBackoffMax{60'000};
constexpr std::chrono::seconds kLogPause{30};
constexpr size_t kErrorBytesMax = 900;  // Pub/Sub's limit of an attribute's value is 1,024

using Delivered = std::vector<broker::Delivered>;

// Messages of one delivery that are not answered: parts of it, to be sent one after another, so
// that a key's order holds. More than one part when the far side refused the whole.
using Parts = std::deque<Delivered>;

void Set(event::Attributes& attributes, std::string_view key, std::string value) {
  auto at = std::lower_bound(attributes.begin(), attributes.end(), key,
                             [](const auto& one, std::string_view k) { return one.first < k; });
  if (at == attributes.end() || at->first != key) attributes.emplace(at, key, std::move(value));
}

// Cut where a character ends.
std::string Shortened(std::string text) {
  if (text.size() <= kErrorBytesMax) return text;
  size_t end = kErrorBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

class WorkingForwarder final : public Forwarder {
 public:
  WorkingForwarder(ForwardSettings settings, broker::Subscriptions& subscriptions,
                   broker::Publisher& publisher, std::unique_ptr<broker::RemoteTopic> remote,
                   const host::Clock& clock)
      : settings_(std::move(settings)),
        subscriptions_(subscriptions),
        publisher_(publisher),
        clock_(clock),
        remote_(std::move(remote)),
        thread_([this] { Run(); }) {}

  ~WorkingForwarder() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      if (consumer_) consumer_->Close();
    }
    remote_->Cancel();
    thread_.join();
    absl::MutexLock lock(&mutex_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return in_flight_ == 0; };
    mutex_.Await(absl::Condition(&none));
  }

 private:
  void Run() {
    while (Open()) {
      while (WaitForTurn()) {
        auto delivered = Next();
        if (!delivered.ok()) break;
        Send(*std::move(delivered));
      }
      Sleep(kBackoffMin);
    }
  }

  bool Open() {
    auto opened = subscriptions_.OpenConsumer(settings_.subscription, {});
    absl::MutexLock lock(&mutex_);
    if (stopping_) return false;
    consumer_ = opened.ok() ? std::move(*opened) : nullptr;
    return true;
  }

  // Until less is in flight, the pause after a failure is over, and the rate allows a batch.
  bool WaitForTurn() {
    absl::MutexLock lock(&mutex_);
    while (!stopping_ && consumer_ != nullptr) {
      const auto now = clock_.Monotonic();
      const auto ready = std::max(not_before_, next_by_rate_);
      if (in_flight_ < kInFlightMax && now >= ready) return true;
      const bool full = in_flight_ >= kInFlightMax;
      const auto wait = full ? std::chrono::seconds(1) : ready - now;
      changed_.WaitWithTimeout(&mutex_, absl::FromChrono(wait));
    }
    return false;
  }

  void Sleep(std::chrono::milliseconds pause) {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) changed_.WaitWithTimeout(&mutex_, absl::FromChrono(pause));
  }

  absl::StatusOr<Delivered> Next() {
    // Shared with the callback, which may come when we have gone on.
    struct Waiting {
      absl::Mutex mutex;
      std::optional<absl::StatusOr<Delivered>> result;
    };
    const auto waiting = std::make_shared<Waiting>();
    // A batch of a tenth of a second, so that the far side sees a flow and no bursts.
    const size_t by_rate = settings_.rate > 0 ? static_cast<size_t>(settings_.rate / 10) : SIZE_MAX;
    const size_t messages = std::clamp<size_t>(by_rate, 1, kBatchMessages);
    consumer_->Next(messages, kBatchBytes, [waiting](absl::StatusOr<Delivered> delivered) {
      absl::MutexLock lock(&waiting->mutex);
      waiting->result = std::move(delivered);
    });
    absl::MutexLock lock(&waiting->mutex);
    const auto there = [&waiting] { return waiting->result.has_value(); };
    waiting->mutex.Await(absl::Condition(&there));
    return *std::move(waiting->result);
  }

  void Send(Delivered delivered) {
    std::vector<std::string> done;
    Delivered sent;
    for (broker::Delivered& one : delivered) {
      if (ToForward(settings_.topic, *one.message)) {
        sent.push_back(std::move(one));
      } else {
        done.push_back(one.ack_id);
      }
    }
    {
      absl::MutexLock lock(&mutex_);
      if (settings_.rate > 0) {
        const auto took =
            std::chrono::duration<double>(static_cast<double>(delivered.size()) / settings_.rate);
        next_by_rate_ = std::max(next_by_rate_, clock_.Monotonic()) +
                        std::chrono::duration_cast<std::chrono::nanoseconds>(took);
      }
      if (!sent.empty()) ++in_flight_;
    }
    if (!done.empty()) Acknowledge(std::move(done));
    if (sent.empty()) return;
    Parts parts;
    parts.push_back(std::move(sent));
    SendFirst(std::move(parts));
  }

  // Of parts that are in flight together.
  void SendFirst(Parts parts) {
    std::vector<event::Draft> drafts;
    for (const broker::Delivered& one : parts.front()) {
      drafts.push_back(*ToForward(settings_.topic, *one.message));
    }
    remote_->Publish(settings_.remote_topic, std::move(drafts),
                     [this, parts = std::move(parts)](const auto& ids) mutable {
                       OnAnswer(std::move(parts), ids.status());
                     });
  }

  void OnAnswer(Parts parts, const absl::Status& status) {
    if (status.ok()) {
      Finish(std::move(parts));
    } else if (!absl::IsInvalidArgument(status)) {
      GiveUp(std::move(parts), status);
    } else if (parts.front().size() == 1) {
      Refuse(std::move(parts), status, /*with_error=*/true);
    } else {
      Delivered& whole = parts.front();
      const auto middle = whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2);
      Delivered first(std::make_move_iterator(whole.begin()), std::make_move_iterator(middle));
      whole.erase(whole.begin(), middle);
      parts.push_front(std::move(first));
      SendFirst(std::move(parts));
    }
  }

  // The first part is where it should be; the next one's turn.
  void Finish(Parts parts) {
    Acknowledge(AckIds(parts.front()));
    const size_t messages = parts.front().size();
    parts.pop_front();
    if (!parts.empty()) return SendFirst(std::move(parts));
    Land(messages, absl::OkStatus());
  }

  // The far side may take them later.
  void GiveUp(Parts parts, const absl::Status& status) {
    size_t messages = 0;
    for (const Delivered& part : parts) {
      messages += part.size();
      subscriptions_.ModifyAckDeadline(settings_.subscription, AckIds(part),
                                       std::chrono::seconds(0), [](const auto&) {});
    }
    Land(messages, status);
  }

  // The first part, one message, is refused for itself. It fits our topic as it came; with what we
  // add it may be too large.
  void Refuse(Parts parts, const absl::Status& status, bool with_error) {
    const event::Message& message = *parts.front().front().message;
    event::Draft draft{message.data, message.attributes, message.ordering_key};
    if (with_error) {
      draft = *ToForward(settings_.topic, message);
      Set(draft.attributes, kForwardErrorAttribute, Shortened(std::string(status.message())));
    }
    std::vector<event::Draft> batch;
    batch.push_back(std::move(draft));
    publisher_.Publish(
        settings_.refused_topic, std::move(batch),
        [this, parts = std::move(parts), status, with_error](const auto& ids) mutable {
          if (ids.ok()) {
            LogRefused(*parts.front().front().message, status);
            return Finish(std::move(parts));
          }
          if (absl::IsInvalidArgument(ids.status()) && with_error) {
            return Refuse(std::move(parts), status, /*with_error=*/false);
          }
          GiveUp(std::move(parts), ids.status());
        });
  }

  void LogRefused(const event::Message& message, const absl::Status& status) const {
    telemetry::Log(telemetry::Severity::kError, "the far side refuses a message, which is kept",
                   {{"topic", settings_.topic},
                    {"message_id", message.message_id},
                    {"to", settings_.remote_topic},
                    {"kept_in", settings_.refused_topic},
                    {"error", status.ToString()}});
  }

  void Land(size_t messages, const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    Note(messages, status);
    --in_flight_;
    changed_.SignalAll();
  }

  static std::vector<std::string> AckIds(const Delivered& delivered) {
    std::vector<std::string> ack_ids;
    for (const broker::Delivered& one : delivered) ack_ids.push_back(one.ack_id);
    return ack_ids;
  }

  void Note(size_t messages, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (status.ok()) {
      backoff_ = kBackoffMin;
      return;
    }
    if (stopping_) return;
    const auto now = clock_.Monotonic();
    not_before_ = now + backoff_;
    backoff_ = std::min(backoff_ * 2, kBackoffMax);
    if (now < next_log_) return;
    next_log_ = now + kLogPause;
    telemetry::Log(telemetry::Severity::kWarning, "forwarding waits",
                   {{"topic", settings_.topic},
                    {"to", settings_.remote_topic},
                    {"messages", std::to_string(messages)},
                    {"error", status.ToString()}});
  }

  void Acknowledge(std::vector<std::string> ack_ids) {
    subscriptions_.Acknowledge(settings_.subscription, std::move(ack_ids), [](const auto&) {});
  }

  const ForwardSettings settings_;
  broker::Subscriptions& subscriptions_;
  broker::Publisher& publisher_;
  const host::Clock& clock_;
  const std::unique_ptr<broker::RemoteTopic> remote_;
  std::unique_ptr<broker::Consumer> consumer_;  // set by the thread, under the lock
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::chrono::milliseconds backoff_ ABSL_GUARDED_BY(mutex_) = kBackoffMin;
  host::MonotonicTime not_before_ ABSL_GUARDED_BY(mutex_){};
  host::MonotonicTime next_by_rate_ ABSL_GUARDED_BY(mutex_){};
  host::MonotonicTime next_log_ ABSL_GUARDED_BY(mutex_){};
  std::thread thread_;  // last: it uses the rest
};

}  // namespace

std::optional<event::Draft> ToForward(const std::string& topic, const event::Message& message) {
  const std::string* known = event::FindAttribute(message.attributes, kForwardIdAttribute);
  if (known != nullptr && absl::StartsWith(*known, topic + "/")) return std::nullopt;
  event::Draft draft{message.data, message.attributes, message.ordering_key};
  // Where it was forwarded already, its first name stays.
  Set(draft.attributes, kForwardIdAttribute, absl::StrCat(topic, "/", message.message_id));
  Set(draft.attributes, kForwardTimeAttribute,
      schema::FormatRfc3339(message.publish_time.time_since_epoch().count()));
  return draft;
}

std::unique_ptr<Forwarder> Forwarder::Create(ForwardSettings settings,
                                             broker::Subscriptions& subscriptions,
                                             broker::Publisher& publisher,
                                             std::unique_ptr<broker::RemoteTopic> remote,
                                             const host::Clock& clock) {
  return std::make_unique<WorkingForwarder>(std::move(settings), subscriptions, publisher,
                                            std::move(remote), clock);
}

}  // namespace afluente::source
