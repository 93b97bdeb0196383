#include "roles/device_token.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_split.h"
#include "host/check.h"
#include "identity/jose.h"
#include "identity/json_object.h"

namespace afluente::roles {
namespace {

using nlohmann::json;

constexpr size_t kTokenBytesMax = 8 << 10;
constexpr int64_t kSkewSeconds = 600;
constexpr int64_t kLifeSecondsMax = 24 * 3600;
constexpr int kP256Bytes = 32;

absl::Status Wrong(const char* what) { return absl::UnauthenticatedError(what); }

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// One number of the key in base64url; of `size` bytes, or as many as it has.
std::string NumberOf(const Key& key, const char* name, int size) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), name, &number) != 1) return "";
  std::string bytes(static_cast<size_t>(size == 0 ? BN_num_bytes(number) : size), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(number);
  return identity::EncodeBase64Url(bytes);
}

std::optional<json> ReadPart(const std::string& part) {
  const auto text = identity::DecodeBase64Url(part);
  if (!text) return std::nullopt;
  auto object = identity::ParseJsonObject(*text);
  if (!object.ok()) return std::nullopt;
  return *std::move(object);
}

bool Names(const json& claims, std::string_view project) {
  const auto audience = claims.find("aud");
  return audience != claims.end() && audience->is_string() &&
         audience->get_ref<const std::string&>() == project;
}

std::optional<int64_t> SecondsOf(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < 1e11)) return std::nullopt;
  return static_cast<int64_t>(seconds);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const identity::VerifyingKey>> ReadPublicKey(
    const std::string& pem) {
  BIO* bytes = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  const Key key(PEM_read_bio_PUBKEY(bytes, nullptr, nullptr, nullptr));
  BIO_free(bytes);
  if (key == nullptr) return absl::InvalidArgumentError("not a public key in PEM");
  json jwk;
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
    jwk = {{"kty", "RSA"},
           {"n", NumberOf(key, OSSL_PKEY_PARAM_RSA_N, 0)},
           {"e", NumberOf(key, OSSL_PKEY_PARAM_RSA_E, 0)}};
  } else if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC) {
    char curve[32] = "";
    EVP_PKEY_get_group_name(key.get(), curve, sizeof curve, nullptr);
    if (std::string_view(curve) != "prime256v1") {
      return absl::InvalidArgumentError("a key of another curve than P-256");
    }
    jwk = {{"kty", "EC"},
           {"crv", "P-256"},
           {"x", NumberOf(key, OSSL_PKEY_PARAM_EC_PUB_X, kP256Bytes)},
           {"y", NumberOf(key, OSSL_PKEY_PARAM_EC_PUB_Y, kP256Bytes)}};
  } else {
    return absl::InvalidArgumentError("neither an RSA nor a P-256 key");
  }
  jwk["kid"] = "device";
  return identity::VerifyingKey::FromJwk(jwk);
}

absl::StatusOr<host::WallTime> CheckDeviceToken(const std::string& token, const DeviceKeys& keys,
                                                std::string_view project, host::WallTime now) {
  if (token.size() > kTokenBytesMax) return Wrong("the token is too long");
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return Wrong("not a signed token");
  const auto header = ReadPart(parts[0]);
  const auto claims = ReadPart(parts[1]);
  if (!header || !claims) return Wrong("not a signed token");
  // A header must not say what it is to be checked with.
  for (const char* name : {"jwk", "jku", "x5c", "x5u", "crit", "b64", "zip"}) {
    if (header->contains(name)) return Wrong("the token's header asks for trust");
  }
  const auto named = header->find("alg");
  if (named == header->end() || !named->is_string()) return Wrong("no algorithm");
  const auto algorithm = identity::FindAlgorithm(named->get_ref<const std::string&>());
  if (!algorithm) return Wrong("an algorithm other than RS256 and ES256");
  bool signed_by_it = false;
  for (const auto& key : keys) {
    signed_by_it = signed_by_it || (key->algorithm() == *algorithm && key->Verify(token).ok());
  }
  if (!signed_by_it) return Wrong("no key of the device signed this");
  if (!Names(*claims, project)) return Wrong("the audience is not the project");
  const auto issued = SecondsOf(*claims, "iat"), expires = SecondsOf(*claims, "exp");
  if (!issued || !expires) return Wrong("no iat or no exp");
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (*expires - *issued > kLifeSecondsMax + kSkewSeconds) return Wrong("valid for over a day");
  if (*issued > seconds + kSkewSeconds) return Wrong("issued in the future");
  if (*expires + kSkewSeconds <= seconds) return Wrong("expired");
  return host::WallTime(std::chrono::seconds(*expires + kSkewSeconds));
}

}  // namespace afluente::roles
