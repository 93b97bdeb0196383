// Takes the input as a token and as a key set. A key that is taken refuses a token that nobody
// signed.
#include "fuzz/accepted.h"
#include "host/check.h"
#include "identity/key_source.h"
#include "identity/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace afluente::identity;
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto token = ParseToken(text);
  if (token.ok()) AFLUENTE_CHECK(token->claims.is_object() && !token->key_id.empty());
  auto keys = ParseKeySet(text);
  afluente::fuzz::accepted = token.ok() || keys.ok();
  if (!keys.ok()) return 0;
  AFLUENTE_CHECK(!keys->empty());
  for (const auto& [id, key] : *keys) {
    std::string header = R"({"alg":")" + std::string(AlgorithmName(key->algorithm())) + "\"}";
    std::string forged = EncodeBase64Url(header) + ".e30." + EncodeBase64Url(std::string(64, 'x'));
    AFLUENTE_CHECK(!key->Verify(forged).ok());
  }
  return 0;
}
