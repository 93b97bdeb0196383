#include "source/mqtt/conversation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/random.h"
#include "source/mqtt/traffic.h"

namespace afluente::source::mqtt {
namespace {

constexpr size_t kClientIdBytesMax = 256;
constexpr host::MonotonicTime kNever = host::MonotonicTime::max();

// Return codes of CONNACK in 3.1.1 (3.2.2.3).
constexpr uint8_t kBadVersion = 1;
constexpr uint8_t kIdRejected = 2;
constexpr uint8_t kUnavailable = 3;
constexpr uint8_t kBadPassword = 4;
constexpr uint8_t kUnauthorized = 5;

const char* TextOf(Reason reason) {
  switch (reason) {
    case Reason::kMalformedPacket:
      return "malformed packet";
    case Reason::kProtocolError:
      return "protocol error";
    case Reason::kPacketTooLarge:
      return "packet too large";
    case Reason::kKeepAliveTimeout:
      return "nothing came within the keep-alive time";
    case Reason::kSessionTakenOver:
      return "another connection has this client id";
    case Reason::kServerShuttingDown:
      return "the server stops";
    case Reason::kReceiveMaximumExceeded:
      return "more messages in flight than the receive maximum";
    case Reason::kTopicAliasInvalid:
      return "topic alias out of range";
    case Reason::kMaximumConnectTime:
      return "the token expired";
    default:
      return "the message cannot be stored now";
  }
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

}  // namespace

Conversation::Conversation(const Ports& ports, std::shared_ptr<Line> line,
                           std::string certificate_name)
    : ports_(ports),
      line_(std::move(line)),
      certificate_name_(std::move(certificate_name)),
      deadline_(ports.clock.Monotonic() + ports.limits.connect_timeout) {}

uint64_t Conversation::packet_bytes_max() const {
  return state_ == State::kOpen ? ports_.limits.packet_bytes_max : ports_.limits.connect_bytes_max;
}

bool Conversation::WantsMore() const {
  if (state_ == State::kNew) return true;
  if (state_ != State::kOpen || waits_) return false;
  return slots_.size() < ports_.limits.receive_maximum &&
         bytes_in_flight_ < ports_.limits.client_bytes_max;
}

void Conversation::OnPacket(std::string_view bytes) {
  if (state_ == State::kEnded) return;
  auto packet = Decode(bytes, connect_.version);
  if (!packet.ok()) {
    if (absl::IsUnimplemented(packet.status())) {
      return Refuse(Reason::kUnsupportedVersion, kBadVersion);
    }
    return OnMalformed(absl::IsFailedPrecondition(packet.status()) ? Reason::kProtocolError
                                                                   : Reason::kMalformedPacket);
  }
  if (state_ == State::kNew) {
    // Whoever does not begin with CONNECT does not speak MQTT: no answer.
    if (auto* connect = std::get_if<Connect>(&*packet)) return OnConnect(std::move(*connect));
    return OnMalformed(Reason::kProtocolError);
  }
  Rearm();
  if (auto* publish = std::get_if<Publish>(&*packet)) return OnPublish(std::move(*publish));
  OnOther(*packet);
}

void Conversation::OnOther(const Packet& packet) {
  if (const auto* ack = std::get_if<Ack>(&packet); ack && ack->kind == AckKind::kPubrel) {
    return OnPubrel(*ack);
  }
  if (const auto* ping = std::get_if<Ping>(&packet); ping && !ping->response) {
    return line_->Send(Encode(Ping{true}, connect_.version));
  }
  if (const auto* subscribe = std::get_if<Subscribe>(&packet)) return OnSubscribe(*subscribe);
  if (const auto* unsubscribe = std::get_if<Unsubscribe>(&packet)) {
    return OnUnsubscribe(*unsubscribe);
  }
  if (const auto* disconnect = std::get_if<Disconnect>(&packet)) return OnDisconnect(*disconnect);
  // A second CONNECT, or what servers alone send.
  OnMalformed(Reason::kProtocolError);
}

void Conversation::OnMalformed(Reason reason) {
  if (state_ == State::kOpen) return End(reason, true);
  state_ = State::kEnded;
  line_->Close();
}

absl::Status Conversation::CheckConnect(Connect& connect) {
  if (connect.client_id.empty()) {
    if (connect.version == Version::k311 && !connect.clean_start) {
      return absl::InvalidArgumentError("a client id is needed to keep a session");
    }
    connect.client_id = "auto-" + host::RandomHex(10);
    assigned_id_ = true;
  }
  const bool good =
      connect.client_id.size() <= kClientIdBytesMax && !HasControlCharacter(connect.client_id);
  return good ? absl::OkStatus() : absl::InvalidArgumentError("no client id of ours");
}

void Conversation::OnConnect(Connect connect) {
  connect_ = std::move(connect);
  if (!CheckConnect(connect_).ok()) return Refuse(Reason::kClientIdNotValid, kIdRejected);
  if (FindProperty(connect_.properties, PropertyId::kAuthenticationMethod) != nullptr) {
    return Refuse(Reason::kBadAuthenticationMethod, kUnauthorized);
  }
  if (ports_.traffic.connections > ports_.limits.connections_max) {
    return Refuse(Reason::kServerBusy, kUnavailable);
  }
  state_ = State::kAdmitting;
  deadline_ = ports_.clock.Monotonic() + ports_.limits.connect_timeout;
  Credentials credentials{connect_.client_id, connect_.user_name, connect_.password,
                          certificate_name_};
  connect_.password.reset();
  ports_.admit(std::move(credentials),
               [self = shared_from_this()](absl::StatusOr<Admission> admission) {
                 self->line_->Post([self, admission = std::move(admission)]() mutable {
                   self->OnAdmitted(std::move(admission));
                 });
               });
}

void Conversation::OnAdmitted(absl::StatusOr<Admission> admission) {
  if (state_ != State::kAdmitting) return;
  if (absl::IsPermissionDenied(admission.status())) {
    return Refuse(Reason::kNotAuthorized, kUnauthorized);
  }
  if (absl::IsUnauthenticated(admission.status())) {
    return Refuse(Reason::kBadUserNameOrPassword, kBadPassword);
  }
  if (!admission.ok()) return Refuse(Reason::kServerBusy, kUnavailable);
  admission_ = *std::move(admission);
  const uint32_t otherwise = five() || connect_.clean_start ? 0 : SessionTable::kNeverExpires;
  expiry_ = NumberOf(connect_.properties, PropertyId::kSessionExpiry, otherwise);
  const std::weak_ptr<Conversation> weak = weak_from_this();
  ports_.sessions.Open(
      connect_.client_id, connect_.clean_start, expiry_,
      [weak, line = line_] {
        line->Post([weak] {
          if (auto self = weak.lock()) self->End(Reason::kSessionTakenOver, true);
        });
      },
      [self = shared_from_this()](absl::StatusOr<SessionTable::Opened> opened) {
        self->line_->Post([self, opened = std::move(opened)] { self->OnOpened(opened); });
      });
}

void Conversation::OnOpened(absl::StatusOr<SessionTable::Opened> opened) {
  if (state_ != State::kAdmitting) {
    if (opened.ok()) ports_.sessions.Close(connect_.client_id, opened->owner, expiry_);
    return;
  }
  if (!opened.ok()) return Refuse(Reason::kQuotaExceeded, kUnavailable);
  owner_ = opened->owner;
  unreleased_ = opened->receipts;
  state_ = State::kOpen;
  will_due_ = connect_.will.has_value();
  aliases_.resize(ports_.limits.topic_aliases + 1);
  keep_alive_ = connect_.keep_alive;
  const bool long_pause = keep_alive_ == 0 || keep_alive_ > ports_.limits.keep_alive_max;
  if (five() && long_pause) keep_alive_ = ports_.limits.keep_alive_max;
  Rearm();
  SendConnack(opened->present);
  line_->Resume();
}

void Conversation::SendConnack(bool present) {
  Connack connack;
  connack.session_present = present;
  if (five()) {
    const DoorLimits& limits = ports_.limits;
    Properties& told = connack.properties;
    told.push_back({PropertyId::kReceiveMaximum, limits.receive_maximum, "", ""});
    told.push_back(
        {PropertyId::kMaximumPacketSize, static_cast<uint32_t>(limits.packet_bytes_max), "", ""});
    told.push_back({PropertyId::kTopicAliasMaximum, limits.topic_aliases, "", ""});
    if (keep_alive_ != connect_.keep_alive) {
      told.push_back({PropertyId::kServerKeepAlive, keep_alive_, "", ""});
    }
    if (assigned_id_) told.push_back({PropertyId::kAssignedClientId, 0, connect_.client_id, ""});
    // Nobody can subscribe here.
    told.push_back({PropertyId::kWildcardAvailable, 0, "", ""});
    told.push_back({PropertyId::kSubscriptionIdAvailable, 0, "", ""});
    told.push_back({PropertyId::kSharedAvailable, 0, "", ""});
  }
  line_->Send(Encode(connack, connect_.version));
}

void Conversation::Refuse(Reason reason, uint8_t code_311) {
  ports_.traffic.rejected_connects.Add();
  state_ = State::kEnded;
  Connack connack;
  connack.code = five() ? static_cast<uint8_t>(reason) : code_311;
  line_->Send(Encode(connack, connect_.version));
  line_->Close();
}

void Conversation::OnSubscribe(const Subscribe& subscribe) {
  Suback suback;
  suback.packet_id = subscribe.packet_id;
  const auto refusal = static_cast<uint8_t>(five() ? Reason::kNotAuthorized : Reason::kUnspecified);
  suback.codes.assign(subscribe.filters.size(), refusal);
  if (five()) {
    suback.properties.push_back(
        {PropertyId::kReasonString, 0, "this server takes messages; read them from Pub/Sub", ""});
  }
  line_->Send(Encode(suback, connect_.version));
}

void Conversation::OnUnsubscribe(const Unsubscribe& unsubscribe) {
  Suback unsuback;
  unsuback.of_unsubscribe = true;
  unsuback.packet_id = unsubscribe.packet_id;
  const auto none = static_cast<uint8_t>(Reason::kNoSubscriptionExisted);
  if (five()) unsuback.codes.assign(unsubscribe.filters.size(), none);
  line_->Send(Encode(unsuback, connect_.version));
}

void Conversation::OnDisconnect(const Disconnect& disconnect) {
  const Property* expiry = FindProperty(disconnect.properties, PropertyId::kSessionExpiry);
  if (expiry != nullptr) {
    // A session that was to end with the connection cannot be kept after all (3.14.2.2.2).
    if (expiry_ == 0 && expiry->number != 0) return End(Reason::kProtocolError, true);
    expiry_ = expiry->number;
  }
  End(Reason::kSuccess, disconnect.reason != Reason::kSuccess);
}

void Conversation::End(Reason reason, bool with_will) {
  if (state_ == State::kEnded) return;
  const bool was_open = state_ == State::kOpen;
  state_ = State::kEnded;
  deadline_ = kNever;
  if (was_open && five() && reason != Reason::kSuccess) {
    const Property why{PropertyId::kReasonString, 0, TextOf(reason), ""};
    line_->Send(Encode(Disconnect{reason, {why}}, connect_.version));
  }
  line_->Close();
  if (!was_open) return;
  ports_.sessions.Close(connect_.client_id, owner_, expiry_);
  if (!with_will || !will_due_) return;
  const uint32_t delay = NumberOf(connect_.will->properties, PropertyId::kWillDelay, 0);
  SendWill(std::chrono::seconds(std::min(delay, expiry_)));
}

void Conversation::OnEnd() { End(Reason::kSuccess, true); }

// A device did not die because the server stops: no will.
void Conversation::Shut() { End(Reason::kServerShuttingDown, false); }

void Conversation::Rearm() {
  const auto now = ports_.clock.Monotonic();
  deadline_ = keep_alive_ == 0 ? kNever : now + std::chrono::milliseconds(1'500 * keep_alive_);
  if (!admission_.expires) return;
  const auto left = *admission_.expires - ports_.clock.Now();
  deadline_ = std::min(deadline_, now + std::max(left, decltype(left)::zero()));
}

void Conversation::Expire() {
  const bool credentials = admission_.expires && ports_.clock.Now() >= *admission_.expires;
  End(credentials ? Reason::kMaximumConnectTime : Reason::kKeepAliveTimeout, true);
}

}  // namespace afluente::source::mqtt
