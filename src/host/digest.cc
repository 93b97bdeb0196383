#include "host/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/check.h"
#include "host/hmac.h"
#include "host/random.h"

namespace afluente::host {
namespace {

constexpr size_t kHashBytes = 64;
constexpr size_t kSaltBytes = 16;
// What a hash of ours takes: about 50 ms on one core.
constexpr int kIterations = 100'000;

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

struct Sha256Stream::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  AFLUENTE_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Add(std::string_view bytes) {
  AFLUENTE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256Stream::Finish() {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  AFLUENTE_CHECK(EVP_DigestFinal_ex(state_->context,
                                    reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

std::string Pbkdf2Sha512(std::string_view password, std::string_view salt, int iterations,
                         size_t size) {
  std::string key(size, '\0');
  const int done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), iterations, EVP_sha512(),
                        static_cast<int>(size), reinterpret_cast<unsigned char*>(key.data()));
  AFLUENTE_CHECK(done == 1);
  return key;
}

std::optional<PasswordHash> PasswordHash::Parse(std::string_view text) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '$');
  PasswordHash parsed;
  if (parts.size() != 5 || !parts[0].empty() || parts[1] != "7" ||
      !absl::SimpleAtoi(parts[2], &parsed.iterations) ||
      !absl::Base64Unescape(parts[3], &parsed.salt) ||
      !absl::Base64Unescape(parts[4], &parsed.hash)) {
    return std::nullopt;
  }
  const bool fits = parsed.iterations >= 1 && parsed.iterations <= kIterationsMax &&
                    parsed.salt.size() >= 8 && parsed.hash.size() == kHashBytes;
  if (!fits) return std::nullopt;
  return parsed;
}

PasswordHash PasswordHash::Make(std::string_view password) {
  PasswordHash made;
  made.iterations = kIterations;
  made.salt = RandomBytes(kSaltBytes);
  made.hash = Pbkdf2Sha512(password, made.salt, made.iterations, kHashBytes);
  return made;
}

std::string PasswordHash::ToText() const {
  return absl::StrCat("$7$", iterations, "$", absl::Base64Escape(salt), "$",
                      absl::Base64Escape(hash));
}

bool PasswordHash::Fits(std::string_view password) const {
  return SameSecret(Pbkdf2Sha512(password, salt, iterations, hash.size()), hash);
}

}  // namespace afluente::host
