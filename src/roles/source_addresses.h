#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace afluente::spec {
struct Spec;
}

namespace afluente::roles {

// Whether the door of a source may leave loopback: it asks who comes by itself, with API keys or
// devices, so that it needs no `access:`. nullopt for another door's flag.
std::optional<absl::Status> CheckSourceAddress(const spec::Spec& spec, const std::string& flag,
                                               const std::string& address);

}  // namespace afluente::roles
