#include "identity/pem_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <nlohmann/json.hpp>

namespace afluente::identity {
namespace {

using BioHandle = std::unique_ptr<BIO, decltype(&BIO_free)>;
using KeyHandle = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// One of the key's numbers as a JWK has it (RFC 7518, 6.3).
absl::StatusOr<std::string> Number(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) {
    return absl::InvalidArgumentError("not a whole RSA key");
  }
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_clear_free(number);
  return EncodeBase64Url(bytes);
}

// A key file with a passphrase is refused: nobody is there to be asked.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

absl::StatusOr<std::shared_ptr<const SigningKey>> KeyFromPem(const std::string& pem,
                                                             const std::string& id) {
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &NoPassphrase, nullptr),
                      &EVP_PKEY_free);
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "RSA") != 1) {
    return absl::InvalidArgumentError("not an RSA private key in PEM form");
  }
  nlohmann::json jwk = {{"kty", "RSA"}, {"kid", id}, {"alg", "RS256"}, {"use", "sig"}};
  constexpr std::pair<const char*, const char*> kNumbers[] = {
      {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
      {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
      {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
      {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};
  for (const auto& [member, name] : kNumbers) {
    auto number = Number(key.get(), name);
    if (!number.ok()) return number.status();
    jwk[member] = *std::move(number);
  }
  auto made = SigningKey::FromPrivateJwk(jwk);
  if (!made.ok()) return absl::InvalidArgumentError("not an RSA key of a usual size");
  return made;
}

}  // namespace afluente::identity
