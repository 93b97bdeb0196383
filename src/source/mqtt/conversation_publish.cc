#include <algorithm>
#include <utility>

#include "broker/publisher.h"
#include "event/topic_filter.h"
#include "host/check.h"
#include "source/mqtt/conversation.h"
#include "source/mqtt/traffic.h"
#include "telemetry/log.h"

namespace afluente::source::mqtt {
namespace {

constexpr std::chrono::milliseconds kRoomPause{20};

Reason ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Reason::kSuccess;
    case absl::StatusCode::kResourceExhausted:
      return Reason::kQuotaExceeded;
    case absl::StatusCode::kPermissionDenied:
      return Reason::kNotAuthorized;
    case absl::StatusCode::kNotFound:
      return Reason::kTopicNameInvalid;
    case absl::StatusCode::kInvalidArgument:
      return Reason::kPayloadFormatInvalid;
    default:
      return Reason::kImplementationSpecific;
  }
}

bool IsBrokersOwn(std::string_view topic) { return !topic.empty() && topic[0] == '$'; }

// How much a reason string may take, so that the client can read the packet.
constexpr size_t kReasonRoom = 32;

}  // namespace

bool Conversation::ResolveAlias(Publish& publish) {
  const Property* alias = FindProperty(publish.properties, PropertyId::kTopicAlias);
  if (alias == nullptr) return true;
  if (alias->number == 0 || alias->number >= aliases_.size()) {
    End(Reason::kTopicAliasInvalid, true);
    return false;
  }
  std::string& known = aliases_[alias->number];
  if (!publish.topic.empty()) known = publish.topic;
  publish.topic = known;
  if (!known.empty()) return true;
  End(Reason::kProtocolError, true);
  return false;
}

void Conversation::OnPublish(Publish publish) {
  if (!ResolveAlias(publish)) return;
  const size_t taken = slots_.size() + unreleased_;
  if (five() && publish.qos > 0 && taken >= ports_.limits.receive_maximum) {
    // A client that counts its messages never gets here; a resent one is not counted twice.
    if (!publish.dup) return End(Reason::kReceiveMaximumExceeded, true);
  }
  if (IsBrokersOwn(publish.topic)) {
    ports_.traffic.ignored.Add();
    const uint64_t slot = publish.qos == 0 ? 0 : OpenSlot();
    if (publish.qos == 0) return;
    Ack ack{publish.qos == 1 ? AckKind::kPuback : AckKind::kPubrec,
            publish.packet_id,
            Reason::kNoMatchingSubscribers,
            {}};
    // Its PUBREL finds nothing to release, which is fine.
    return FillSlot(slot, Encode(ack, connect_.version));
  }
  if (publish.qos == 2) return StoreOnce(publish);
  Store(publish);
}

absl::StatusOr<event::Draft> Conversation::MakeDraft(const Publish& publish, const Route*& route,
                                                     bool will) {
  const auto& allowed = admission_.topics;
  const auto fits = [&](const std::string& filter) {
    return event::MatchesTopicFilter(filter, publish.topic);
  };
  if (!allowed.empty() && std::none_of(allowed.begin(), allowed.end(), fits)) {
    return absl::PermissionDeniedError("the device may not publish to this topic");
  }
  route = ports_.routes.Find(publish.topic);
  if (route == nullptr) return absl::NotFoundError("no route fits this topic");
  return ToDraft(*route, {publish, connect_.client_id, ports_.clock.Now(), will});
}

void Conversation::ToBroker(const Route& route, event::Draft draft,
                            absl::AnyInvocable<void(absl::Status)> then) {
  const uint64_t bytes = draft.data.size() + 256;
  bytes_in_flight_ += bytes;
  const uint64_t all = ports_.traffic.bytes_in_flight.fetch_add(bytes) + bytes;
  if (all > ports_.limits.in_flight_bytes_max && !waits_) {
    waits_ = true;
    line_->After(kRoomPause, [self = shared_from_this()] {
      self->waits_ = false;
      self->line_->Resume();
    });
  }
  ports_.traffic.Begin();
  std::vector<event::Draft> batch;
  batch.push_back(std::move(draft));
  ports_.publisher.Publish(route.topic, std::move(batch),
                           [self = shared_from_this(), bytes, then = std::move(then)](
                               const absl::StatusOr<std::vector<std::string>>& ids) mutable {
                             const absl::Status status = ids.status();
                             Traffic& traffic = self->ports_.traffic;
                             traffic.bytes_in_flight.fetch_sub(bytes);
                             if (status.ok()) traffic.accepted.Add();
                             then(status);
                             self->line_->Post([self, bytes] {
                               self->bytes_in_flight_ -= bytes;
                               self->line_->Resume();
                             });
                             self.reset();
                             traffic.End();
                           });
}

void Conversation::Store(const Publish& publish) {
  const Route* route = nullptr;
  auto draft = MakeDraft(publish, route, false);
  if (publish.qos == 0) {
    if (!draft.ok()) {
      ports_.traffic.dropped.Add();
      return;
    }
    return ToBroker(*route, *std::move(draft), [self = shared_from_this()](const absl::Status& s) {
      if (!s.ok()) self->ports_.traffic.dropped.Add();
    });
  }
  const uint64_t slot = OpenSlot();
  if (!draft.ok()) return Answer(1, publish.packet_id, slot, draft.status());
  ToBroker(*route, *std::move(draft),
           [self = shared_from_this(), slot, id = publish.packet_id](absl::Status status) {
             self->line_->Post([self, slot, id, status = std::move(status)] {
               self->Answer(1, id, slot, status);
             });
           });
}

void Conversation::StoreOnce(const Publish& publish) {
  const uint64_t slot = OpenSlot();
  const uint16_t id = publish.packet_id;
  const auto received = ports_.sessions.Receive(
      connect_.client_id, owner_, id,
      [self = shared_from_this(), slot, id](const absl::Status& status) {
        self->line_->Post([self, slot, id, status] { self->Answer(2, id, slot, status); });
      });
  using Receipt = SessionTable::Receipt;
  if (received.receipt == Receipt::kKnown) return;
  if (received.receipt == Receipt::kTooMany) return End(Reason::kReceiveMaximumExceeded, true);
  if (received.receipt == Receipt::kGone) return End(Reason::kSessionTakenOver, true);
  ++unreleased_;
  const Route* route = nullptr;
  auto draft = MakeDraft(publish, route, false);
  SessionTable& sessions = ports_.sessions;
  if (!draft.ok()) {
    return sessions.Finish(connect_.client_id, id, received.serial, draft.status());
  }
  uint64_t ticket = 0;
  if (!received.mark.empty()) {
    draft->attributes.emplace_back(kDeliveryAttribute, received.mark);
    std::sort(draft->attributes.begin(), draft->attributes.end());
    ticket = sessions.log().Begin(route->topic);
  }
  ToBroker(*route, *std::move(draft),
           [&sessions, client = connect_.client_id, id, serial = received.serial,
            ticket](const absl::Status& status) {
             sessions.Finish(client, id, serial, status);
             if (ticket != 0) sessions.log().End(ticket);
           });
}

uint64_t Conversation::OpenSlot() {
  slots_.push_back({next_slot_, false, ""});
  return next_slot_++;
}

void Conversation::FillSlot(uint64_t number, std::string bytes) {
  if (state_ != State::kOpen || slots_.empty() || number < slots_.front().number) return;
  Slot& slot = slots_[number - slots_.front().number];
  slot.ready = true;
  slot.bytes = std::move(bytes);
  std::string out;
  while (!slots_.empty() && slots_.front().ready) {
    out += slots_.front().bytes;
    slots_.pop_front();
  }
  if (out.empty()) return;
  line_->Send(std::move(out));
  line_->Resume();
}

void Conversation::Answer(uint8_t qos, uint16_t packet_id, uint64_t slot,
                          const absl::Status& status) {
  if (state_ != State::kOpen) return;
  if (!status.ok()) {
    ports_.traffic.refused.Add();
    if (qos == 2 && unreleased_ > 0) --unreleased_;
    // 3.1.1 has no word for it, and silence would look like success: the client connects again and
    // sends it again.
    if (!five()) return End(Reason::kUnspecified, true);
  }
  Ack ack;
  ack.kind = qos == 2 ? AckKind::kPubrec : AckKind::kPuback;
  ack.packet_id = packet_id;
  ack.reason = ReasonOf(status);
  const std::string why(status.message());
  const uint64_t room = NumberOf(connect_.properties, PropertyId::kMaximumPacketSize, UINT32_MAX);
  const bool wanted = NumberOf(connect_.properties, PropertyId::kRequestProblem, 1) == 1;
  if (!status.ok() && wanted && why.size() < 1'000 && why.size() + kReasonRoom <= room) {
    ack.properties.push_back({PropertyId::kReasonString, 0, why, ""});
  }
  FillSlot(slot, Encode(ack, connect_.version));
}

void Conversation::OnPubrel(const Ack& ack) {
  const uint64_t slot = OpenSlot();
  ports_.sessions.Release(
      connect_.client_id, owner_, ack.packet_id,
      [self = shared_from_this(), slot, id = ack.packet_id](const absl::Status& status) {
        self->line_->Post([self, slot, id, status] {
          if (self->state_ != State::kOpen) return;
          const bool unknown = absl::IsNotFound(status);
          // Not durable: the client asks again when it is back.
          if (!status.ok() && !unknown) return self->End(Reason::kImplementationSpecific, true);
          if (!unknown && self->unreleased_ > 0) --self->unreleased_;
          const Reason reason = unknown ? Reason::kPacketIdNotFound : Reason::kSuccess;
          const Ack pubcomp{AckKind::kPubcomp, id, reason, {}};
          self->FillSlot(slot, Encode(pubcomp, self->connect_.version));
        });
      });
}

void Conversation::SendWill(std::chrono::seconds delay) {
  const auto publish = [self = shared_from_this()] {
    const Will& will = *self->connect_.will;
    Publish message;
    message.topic = will.topic;
    message.payload = will.payload;
    message.qos = will.qos;
    message.retain = will.retain;
    message.properties = will.properties;
    if (IsBrokersOwn(message.topic)) return self->ports_.traffic.ignored.Add();
    const Route* route = nullptr;
    auto draft = self->MakeDraft(message, route, true);
    if (!draft.ok()) return self->ports_.traffic.dropped.Add();
    self->ToBroker(*route, *std::move(draft), [self](const absl::Status& status) {
      if (status.ok()) return;
      self->ports_.traffic.dropped.Add();
      telemetry::Log(telemetry::Severity::kWarning, "a will was not stored",
                     {{"client", self->connect_.client_id}, {"error", status.ToString()}});
    });
  };
  if (delay.count() == 0) return publish();
  auto& waiting = ports_.traffic.delayed_wills;
  if (waiting.fetch_add(1) >= ports_.limits.delayed_wills_max) {
    waiting.fetch_sub(1);
    return publish();
  }
  line_->After(delay, [self = shared_from_this(), publish, &waiting] {
    waiting.fetch_sub(1);
    // The client came back in time, and its session went on.
    if (self->ports_.sessions.IsLast(self->connect_.client_id, self->owner_)) publish();
  });
}

}  // namespace afluente::source::mqtt
