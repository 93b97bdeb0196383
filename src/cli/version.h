#pragma once

namespace afluente::cli {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace afluente::cli
