#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "host/clock.h"

namespace afluente::identity {

class KeySource;

// What a token said, after every check. Times are seconds since the epoch.
struct VerifiedToken {
  std::string issuer;
  std::string audience;
  std::string subject;
  std::string email;          // ASCII letters in lower case
  std::string hosted_domain;  // `hd`; never a reason to admit anyone
  std::string nonce;
  std::vector<std::string> groups;  // from the claim that the rules name
  int64_t issued = 0;
  int64_t expires = 0;
};
// Shared with the cache of verified tokens.
using VerifiedTokenPtr = std::shared_ptr<const VerifiedToken>;

// Port: says whether a token may be believed. Thread-safe. A refusal is UNAUTHENTICATED with the
// reason, which is for the log: the caller learns nothing but 401. UNAVAILABLE when the issuer's
// keys were never had and cannot be fetched now.
class Verifier {
 public:
  virtual ~Verifier() = default;
  // Never blocks; nullopt when the issuer's keys must be fetched first: then Verify, from a worker.
  virtual std::optional<absl::StatusOr<VerifiedTokenPtr>> VerifyNow(std::string_view token) = 0;
  // Blocks while keys are fetched, which happens once at most.
  virtual absl::StatusOr<VerifiedTokenPtr> Verify(std::string_view token) = 0;
};

// What a kind of token must say.
struct TokenRules {
  std::vector<std::string> issuers;    // the token's must be one of them
  std::vector<std::string> audiences;  // the same
  bool allow_rs256 = false;            // besides ES256
  // `aud` must be a plain string; else a list of one is taken too.
  bool plain_audience = true;
  // `email_verified` must be true.
  bool require_verified_email = false;
  std::chrono::seconds life_max{600};
  std::string groups_claim;  // empty: the token's groups do not count
};

// The assertion that Identity-Aware Proxy signs ("Securing your app with signed headers").
TokenRules AssertionRules(std::string issuer, std::string audience);
// An OpenID Connect ID token, as programs send it and the code flow gives it.
TokenRules IdTokenRules(std::string issuer, std::vector<std::string> audiences);

// Verifies by `rules` with the keys of `keys`, which outlives it, and remembers a bounded number of
// good tokens by their SHA-256 until they expire.
std::unique_ptr<Verifier> MakeVerifier(TokenRules rules, KeySource& keys, const host::Clock& clock);

}  // namespace afluente::identity
