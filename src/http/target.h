#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "http/message.h"

namespace afluente::http {

// Decodes %XX once. INVALID_ARGUMENT for a malformed escape, a NUL, or a result that is not UTF-8;
// `what` names the part of the target in the message.
absl::StatusOr<std::string> DecodeText(std::string_view encoded, bool plus_is_space,
                                       std::string_view what);

// Fills target, path and query of `request` from a request target (RFC 9112, 3.2): origin form,
// absolute form (its authority replaces Host) or "*". INVALID_ARGUMENT for anything else.
absl::Status ParseTarget(std::string_view target, Request& request);

}  // namespace afluente::http
