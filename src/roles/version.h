#pragma once

namespace afluente::roles {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace afluente::roles
