#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/state_image.h"

namespace afluente::broker {

// Format: docs/formats/broker-records.md. Decoding hostile bytes gives DATA_LOSS.
std::string EncodeSnapshot(const StateImage& image);
absl::StatusOr<StateImage> DecodeSnapshot(std::string_view bytes);

}  // namespace afluente::broker
