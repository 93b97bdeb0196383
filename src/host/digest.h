#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace afluente::host {

// The 32 bytes of SHA-256 (FIPS 180-4).
std::string Sha256(std::string_view bytes);

// The same of bytes that come in pieces. One thread at a time.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void Add(std::string_view bytes);
  std::string Finish();  // once, at the end

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// PBKDF2 (RFC 8018) with HMAC-SHA-512: a slow hash for passwords that people choose. Takes as long
// as `iterations` say.
std::string Pbkdf2Sha512(std::string_view password, std::string_view salt, int iterations,
                         size_t size);

// A password's hash as Mosquitto's mosquitto_passwd writes it: $7$ITERATIONS$SALT$HASH, both in
// base64. What is kept instead of a password.
struct PasswordHash {
  static constexpr int kIterationsMax = 1'000'000;  // beyond it each try would take a second
  int iterations = 0;
  std::string salt;
  std::string hash;

  // nullopt for any other text.
  static std::optional<PasswordHash> Parse(std::string_view text);
  // Of a new random salt.
  static PasswordHash Make(std::string_view password);
  std::string ToText() const;
  // Blocks for some milliseconds.
  bool Fits(std::string_view password) const;
};

}  // namespace afluente::host
