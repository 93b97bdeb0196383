#include "source/api_keys.h"

#include <algorithm>

#include "host/digest.h"
#include "host/hmac.h"

namespace afluente::source {

bool ApiKey::MayPublish(std::string_view topic) const {
  return topics.empty() || std::find(topics.begin(), topics.end(), topic) != topics.end();
}

const ApiKey* FindApiKey(const std::vector<ApiKey>& keys, std::string_view presented) {
  const std::string digest = host::Sha256(presented);
  const ApiKey* found = nullptr;
  for (const ApiKey& key : keys) {
    if (host::SameSecret(key.sha256, digest)) found = &key;
  }
  return found;
}

}  // namespace afluente::source
