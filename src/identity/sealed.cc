#include "identity/sealed.h"

#include <utility>

#include "host/hmac.h"
#include "host/random.h"
#include "identity/jose.h"
#include "identity/json_object.h"

namespace afluente::identity {
namespace {

constexpr size_t kSealedBytesMax = 4096;
constexpr size_t kKeyBytes = 32;

}  // namespace

Sealer::Sealer(const host::Clock& clock) : clock_(clock), key_(host::RandomBytes(kKeyBytes)) {}

int64_t Sealer::Now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
}

std::string Sealer::Seal(std::string_view purpose, nlohmann::json content,
                         std::chrono::seconds life) const {
  content["for"] = purpose;
  content["until"] = Now() + life.count();
  const std::string text = EncodeBase64Url(content.dump());
  return text + "." + EncodeBase64Url(host::HmacSha256(key_, text));
}

std::optional<nlohmann::json> Sealer::Open(std::string_view purpose,
                                           std::string_view sealed) const {
  const size_t dot = sealed.find('.');
  if (sealed.size() > kSealedBytesMax || dot == std::string_view::npos) return std::nullopt;
  const auto mac = DecodeBase64Url(sealed.substr(dot + 1));
  const std::string_view text = sealed.substr(0, dot);
  if (!mac || !host::SameSecret(*mac, host::HmacSha256(key_, text))) return std::nullopt;
  const auto bytes = DecodeBase64Url(text);
  if (!bytes) return std::nullopt;
  auto content = ParseJsonObject(*bytes);
  if (!content.ok() || content->value("for", "") != purpose ||
      content->value("until", int64_t{0}) <= Now()) {
    return std::nullopt;
  }
  return *std::move(content);
}

}  // namespace afluente::identity
