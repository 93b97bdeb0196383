#pragma once

#include <string>
#include <string_view>

#include "event/message.h"

namespace afluente::warehouse {

// Attributes as a JSON object of strings.
std::string AttributesJson(const event::Attributes& attributes);

// Text that may hold any bytes, as UTF-8: each wrong byte becomes U+FFFD.
std::string AsUtf8(std::string_view bytes);

}  // namespace afluente::warehouse
