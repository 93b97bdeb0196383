#include "identity/key_source.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/check.h"
#include "identity/json_object.h"
#include "schema/text.h"
#include "telemetry/log.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr size_t kKeysMax = 256;
constexpr std::chrono::seconds kMaxAgeLeast{60};
constexpr std::chrono::seconds kMaxAgeMost{24 * 3600};

}  // namespace

absl::StatusOr<KeySet> ParseKeySet(std::string_view text) {
  AFLUENTE_ASSIGN_OR_RETURN(const json set, ParseJsonObject(text));
  const auto list = set.find("keys");
  if (list == set.end() || !list->is_array() || list->size() > kKeysMax) {
    return absl::InvalidArgumentError("not a JWK set");
  }
  KeySet keys;
  std::string last_problem = "it is empty";
  for (const json& element : *list) {
    auto key = VerifyingKey::FromJwk(element);
    if (!key.ok() || (*key)->id().empty()) {
      last_problem = key.ok() ? "a key has no id" : std::string(key.status().message());
      continue;
    }
    if (!keys.emplace((*key)->id(), *key).second) {
      return absl::InvalidArgumentError("two keys of the set have one id");
    }
  }
  if (keys.empty()) {
    return absl::InvalidArgumentError(Concat("the JWK set has no usable key: ", last_problem));
  }
  return keys;
}

KeyLoader LoadFrom(const Signer& signer) {
  return [&signer] { return LoadedKeys{signer.PublicKeys(), kMaxAgeLeast}; };
}

KeySource::Found CachedKeySource::Find(std::string_view key_id) {
  const auto now = clock_.Monotonic();
  absl::MutexLock lock(&mutex_);
  Found found;
  if (const auto at = keys_.find(key_id); at != keys_.end()) found.key = at->second;
  if (found.key != nullptr && now < fresh_until_) return found;
  // Whoever lacks the key waits for the load that someone was told to do; an old set makes one
  // caller ask, and the others go on with what is there.
  const bool due = !asked_ || now >= next_refresh_;
  found.ask_again = due || (found.key == nullptr && (wanted_ || loading_));
  if (due) {
    asked_ = wanted_ = true;
    next_refresh_ = now + kRefreshInterval;
  }
  return found;
}

absl::Status CachedKeySource::Refresh() {
  {
    absl::MutexLock lock(&mutex_);
    if (loading_) {
      const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !loading_; };
      mutex_.Await(absl::Condition(&done));
      return last_;
    }
    if (!wanted_) return last_;
    wanted_ = false;
    loading_ = true;
  }
  auto loaded = loader_();
  auto keys = loaded.ok() ? ParseKeySet(loaded->text) : loaded.status();
  if (!keys.ok()) {
    telemetry::Log(telemetry::Severity::kWarning, "an issuer's keys cannot be read",
                   {{"error", std::string(keys.status().message())}});
  }
  absl::MutexLock lock(&mutex_);
  loading_ = false;
  last_ = keys.status();
  if (!keys.ok()) return last_;
  keys_ = *std::move(keys);
  fresh_until_ = clock_.Monotonic() + std::clamp(loaded->max_age, kMaxAgeLeast, kMaxAgeMost);
  return last_;
}

}  // namespace afluente::identity
