#include "identity/jose.h"

#include <cjose/cjose.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr size_t kRsaBits = 2048;
constexpr size_t kRsaBytesMin = 256;
constexpr size_t kRsaBytesMax = 512;  // beyond it each check would cost milliseconds
constexpr size_t kP256Bytes = 32;
constexpr std::string_view kPublicExponent = "AQAB";
constexpr size_t kKeyIdBytes = 10;

struct ReleaseJwk {
  void operator()(cjose_jwk_t* jwk) const { cjose_jwk_release(jwk); }
};
using JwkHandle = std::unique_ptr<cjose_jwk_t, ReleaseJwk>;
struct ReleaseJws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using JwsHandle = std::unique_ptr<cjose_jws_t, ReleaseJws>;
struct ReleaseHeader {
  void operator()(cjose_header_t* header) const { cjose_header_release(header); }
};
using HeaderHandle = std::unique_ptr<cjose_header_t, ReleaseHeader>;

std::string MessageOf(const cjose_err& error) {
  return error.message == nullptr ? "unknown error" : error.message;
}

std::string TextMember(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(Concat("a key of the set ", what));
}

bool HasBytes(const json& jwk, const char* name, size_t minimum, size_t maximum) {
  const auto bytes = DecodeBase64Url(TextMember(jwk, name));
  return bytes && bytes->size() >= minimum && bytes->size() <= maximum;
}

JwkHandle Import(const json& jwk) {
  const std::string text = jwk.dump();
  return JwkHandle(cjose_jwk_import(text.data(), text.size(), nullptr));
}

absl::StatusOr<Algorithm> CheckPublic(const json& jwk) {
  const std::string kind = TextMember(jwk, "kty");
  if (kind == "EC") {
    if (TextMember(jwk, "crv") != "P-256") return Wrong("has another curve than P-256");
    if (!HasBytes(jwk, "x", kP256Bytes, kP256Bytes) ||
        !HasBytes(jwk, "y", kP256Bytes, kP256Bytes)) {
      return Wrong("has coordinates that P-256 does not have");
    }
    return Algorithm::kEs256;
  }
  if (kind != "RSA") return Wrong("is neither EC nor RSA");
  if (!HasBytes(jwk, "n", kRsaBytesMin, kRsaBytesMax)) {
    return Wrong("has an RSA modulus outside 2048 to 4096 bits");
  }
  if (TextMember(jwk, "e") != kPublicExponent) {
    return Wrong("has another public exponent than 65537");
  }
  return Algorithm::kRs256;
}

}  // namespace

std::string_view AlgorithmName(Algorithm algorithm) {
  return algorithm == Algorithm::kEs256 ? "ES256" : "RS256";
}

std::optional<Algorithm> FindAlgorithm(std::string_view name) {
  if (name == "ES256") return Algorithm::kEs256;
  if (name == "RS256") return Algorithm::kRs256;
  return std::nullopt;
}

std::string EncodeBase64Url(std::string_view bytes) {
  return absl::WebSafeBase64Escape(absl::string_view(bytes.data(), bytes.size()));
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &bytes) ||
      EncodeBase64Url(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

struct VerifyingKey::Jwk {
  JwkHandle handle;
};
struct SigningKey::Jwk {
  JwkHandle handle;
};

absl::StatusOr<std::shared_ptr<const VerifyingKey>> VerifyingKey::FromJwk(const json& jwk) {
  if (!jwk.is_object()) return Wrong("is no object");
  AFLUENTE_ASSIGN_OR_RETURN(const Algorithm algorithm, CheckPublic(jwk));
  if (jwk.contains("use") && TextMember(jwk, "use") != "sig") return Wrong("is not for signatures");
  if (jwk.contains("alg") && TextMember(jwk, "alg") != AlgorithmName(algorithm)) {
    return Wrong("is for another algorithm");
  }
  json parts = {{"kty", jwk.at("kty")}};
  for (const char* name : {"crv", "x", "y", "n", "e"}) {
    if (jwk.contains(name)) parts[name] = jwk.at(name);
  }
  auto shared = std::make_shared<Jwk>(Jwk{Import(parts)});
  if (shared->handle == nullptr) return Wrong("is no point of its curve, or no RSA key");
  return std::shared_ptr<const VerifyingKey>(
      new VerifyingKey(algorithm, TextMember(jwk, "kid"), std::move(shared)));
}

absl::Status VerifyingKey::Verify(const std::string& token) const {
  cjose_err error{};
  const JwsHandle jws(cjose_jws_import(token.data(), token.size(), &error));
  if (jws == nullptr) {
    return absl::UnauthenticatedError(Concat("not a compact JWS: ", MessageOf(error)));
  }
  const char* named = cjose_header_get(cjose_jws_get_protected(jws.get()), CJOSE_HDR_ALG, nullptr);
  if (named == nullptr || named != AlgorithmName(algorithm_)) {
    return absl::UnauthenticatedError("the token names another algorithm than its key has");
  }
  if (!cjose_jws_verify(jws.get(), jwk_->handle.get(), &error)) {
    return absl::UnauthenticatedError("the signature is not this key's");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const SigningKey>> SigningKey::Generate(Algorithm algorithm) {
  cjose_err error{};
  JwkHandle handle(algorithm == Algorithm::kEs256
                       ? cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error)
                       : cjose_jwk_create_RSA_random(kRsaBits, nullptr, 0, &error));
  if (handle == nullptr) {
    return absl::InternalError(Concat("no key could be made: ", MessageOf(error)));
  }
  return std::shared_ptr<const SigningKey>(new SigningKey(
      algorithm, host::RandomHex(kKeyIdBytes), std::make_shared<Jwk>(Jwk{std::move(handle)})));
}

absl::StatusOr<std::shared_ptr<const SigningKey>> SigningKey::FromPrivateJwk(const json& jwk) {
  const auto algorithm = CheckPublic(jwk);
  if (!algorithm.ok() || TextMember(jwk, "d").empty() || TextMember(jwk, "kid").empty()) {
    return absl::DataLossError("not a private key as this version keeps it");
  }
  auto shared = std::make_shared<Jwk>(Jwk{Import(jwk)});
  if (shared->handle == nullptr) return absl::DataLossError("not a private key");
  return std::shared_ptr<const SigningKey>(
      new SigningKey(*algorithm, TextMember(jwk, "kid"), std::move(shared)));
}

json SigningKey::ToJson(bool with_private) const {
  const std::unique_ptr<char, void (*)(void*)> text(
      cjose_jwk_to_json(jwk_->handle.get(), with_private, nullptr), std::free);
  AFLUENTE_CHECK(text != nullptr);
  json jwk = json::parse(text.get());
  jwk["kid"] = id_;
  jwk["alg"] = AlgorithmName(algorithm_);
  jwk["use"] = "sig";
  return jwk;
}

json SigningKey::PrivateJwk() const { return ToJson(true); }
json SigningKey::PublicJwk() const { return ToJson(false); }

absl::StatusOr<std::string> SigningKey::Sign(std::string_view payload) const {
  cjose_err error{};
  const HeaderHandle header(cjose_header_new(&error));
  const std::string algorithm(AlgorithmName(algorithm_));
  if (header == nullptr ||
      !cjose_header_set(header.get(), CJOSE_HDR_ALG, algorithm.c_str(), &error) ||
      !cjose_header_set(header.get(), CJOSE_HDR_KID, id_.c_str(), &error) ||
      !cjose_header_set(header.get(), "typ", "JWT", &error)) {
    return absl::InternalError(Concat("no header: ", MessageOf(error)));
  }
  const JwsHandle jws(cjose_jws_sign(jwk_->handle.get(), header.get(),
                                     reinterpret_cast<const uint8_t*>(payload.data()),
                                     payload.size(), &error));
  const char* text = nullptr;
  if (jws == nullptr || !cjose_jws_export(jws.get(), &text, &error)) {
    return absl::InternalError(Concat("not signed: ", MessageOf(error)));
  }
  return std::string(text);
}

}  // namespace afluente::identity
