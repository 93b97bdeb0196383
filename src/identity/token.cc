#include "identity/token.h"

#include <utility>

#include "host/check.h"
#include "identity/json_object.h"
#include "schema/text.h"

namespace afluente::identity {
namespace {

using nlohmann::json;
using schema::Concat;

constexpr size_t kKeyIdBytesMax = 256;
constexpr size_t kEs256SignatureBytes = 64;

absl::Status Refused(std::string_view why) {
  return absl::UnauthenticatedError(Concat("token refused: ", why));
}

// A member's text; "" when it is missing or another type.
std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusOr<json> DecodeObject(std::string_view part, std::string_view what) {
  const auto text = DecodeBase64Url(part);
  if (!text) return Refused(Concat("its ", what, " is not base64url"));
  auto object = ParseJsonObject(*text);
  if (!object.ok()) {
    return Refused(Concat("its ", what, ": ", std::string(object.status().message())));
  }
  return object;
}

absl::Status CheckHeader(const json& header) {
  for (const char* name : {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}) {
    if (header.contains(name)) return Refused(Concat("its header has '", name, "'"));
  }
  if (header.contains("typ") && !schema::EqualsIgnoreCase(TextOf(header, "typ"), "JWT")) {
    return Refused("its type is not JWT");
  }
  if (!FindAlgorithm(TextOf(header, "alg"))) return Refused("its algorithm is none of ours");
  const std::string key_id = TextOf(header, "kid");
  if (key_id.empty() || key_id.size() > kKeyIdBytesMax) return Refused("it names no key");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnverifiedToken> ParseToken(std::string_view token) {
  if (token.size() > kTokenBytesMax) return Refused("too long");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Refused("not three parts");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const json header, DecodeObject(token.substr(0, first), "header"));
  AFLUENTE_RETURN_IF_ERROR(CheckHeader(header));
  const Algorithm algorithm = *FindAlgorithm(TextOf(header, "alg"));
  const auto signature = DecodeBase64Url(token.substr(second + 1));
  if (!signature || signature->empty()) return Refused("it is not signed");
  if (algorithm == Algorithm::kEs256 && signature->size() != kEs256SignatureBytes) {
    return Refused("its signature has the wrong length");
  }
  AFLUENTE_ASSIGN_OR_RETURN(json claims,
                            DecodeObject(token.substr(first + 1, second - first - 1), "payload"));
  return UnverifiedToken{algorithm, TextOf(header, "kid"), std::move(claims)};
}

}  // namespace afluente::identity
