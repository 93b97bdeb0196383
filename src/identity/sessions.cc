#include "identity/sessions.h"

#include <utility>

#include "host/random.h"
#include "identity/form.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr std::string_view kSession = "session";
constexpr int64_t kLife = 8 * 3600;
constexpr int64_t kRenewAfter = 15 * 60;
constexpr size_t kEndedMax = 100'000;
constexpr size_t kIdBytes = 16;

std::string NameOf(std::string_view name, bool secure) {
  return Concat(secure ? kHostCookiePrefix : kCookiePrefix, name);
}

std::string SetCookie(std::string_view name, std::string_view value, int64_t life, bool secure) {
  return Concat(NameOf(name, secure), "=", value, "; Path=/; Max-Age=", life,
                "; HttpOnly; SameSite=Lax", secure ? "; Secure" : "");
}

}  // namespace

int64_t Sessions::Now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
}

int64_t Sessions::NowMicros() const { return clock_.Now().time_since_epoch().count(); }

std::string Sessions::SetSealed(std::string_view name, json content, std::chrono::seconds life,
                                bool secure) const {
  return SetCookie(name, sealer_.Seal(name, std::move(content), life), life.count(), secure);
}

std::optional<json> Sessions::FindSealed(std::string_view name, const http::Headers& headers,
                                         bool secure) const {
  const std::string* cookies = headers.Find("Cookie");
  if (cookies == nullptr || headers.Count("Cookie") != 1) return std::nullopt;
  return sealer_.Open(name, OnlyCookie(*cookies, NameOf(name, secure)));
}

std::string Sessions::Clear(std::string_view name, bool secure) {
  return SetCookie(name, "", 0, secure);
}

std::string Sessions::Make(const Session& session, bool secure) {
  const int64_t left = session.begun / 1'000'000 + kLife - Now();
  return SetSealed(kSession,
                   {{"sub", session.user.subject},
                    {"email", session.user.email},
                    {"groups", session.user.groups},
                    {"id", session.id},
                    {"begun", session.begun},
                    {"sealed", Now()}},
                   std::chrono::seconds(left), secure);
}

std::string Sessions::Begin(const ProvenUser& user, bool secure) {
  return Make({user, host::RandomHex(kIdBytes), NowMicros(), Now()}, secure);
}

std::optional<std::string> Sessions::RenewIfDue(const Session& session, bool secure) {
  if (Now() < session.sealed + kRenewAfter || Now() >= session.begun / 1'000'000 + kLife)
    return std::nullopt;
  return Make({session.user, host::RandomHex(kIdBytes), session.begun, Now()}, secure);
}

std::optional<Session> Sessions::Find(const http::Headers& headers, bool secure) {
  const auto content = FindSealed(kSession, headers, secure);
  if (!content) return std::nullopt;
  Session session;
  session.user.subject = content->value("sub", "");
  session.user.email = content->value("email", "");
  session.user.groups = content->value("groups", std::vector<std::string>());
  session.id = content->value("id", "");
  session.begun = content->value("begun", int64_t{0});
  session.sealed = content->value("sealed", int64_t{0});
  absl::MutexLock lock(&mutex_);
  // One's whole sign-in ends, whatever ids it has had since.
  const auto ended = ended_.find(session.user.email);
  if (ended != ended_.end() && session.begun <= ended->second) return std::nullopt;
  return session;
}

void Sessions::End(const Session& session) {
  absl::MutexLock lock(&mutex_);
  if (ended_.size() >= kEndedMax) {
    std::erase_if(ended_,
                  [this](const auto& each) { return each.second / 1'000'000 + kLife <= Now(); });
  }
  ended_[session.user.email] = NowMicros();
}

}  // namespace afluente::identity
