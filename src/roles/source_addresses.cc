#include "roles/source_addresses.h"

#include "absl/strings/str_cat.h"
#include "spec/spec.h"

namespace afluente::roles {

std::optional<absl::Status> CheckSourceAddress(const spec::Spec& spec, const std::string& flag,
                                               const std::string& address) {
  const auto refuse = [&](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, " ", address, ": beyond loopback this door must know who comes: name ", what));
  };
  if (flag == "--ingest-listen") {
    return spec.sources.api_keys ? absl::OkStatus() : refuse("sources.http.api_keys_file");
  }
  if (flag == "--mqtt-listen" || flag == "--mqtts-listen") {
    const bool known = !spec.sources.mqtt || spec.sources.mqtt->devices_required;
    return known ? absl::OkStatus() : refuse("sources.mqtt.devices");
  }
  return std::nullopt;
}

}  // namespace afluente::roles
