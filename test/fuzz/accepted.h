#pragma once

namespace afluente::fuzz {

// Whether the last input was read to its end. A target sets it, so that a replay can tell seeds
// that have grown stale; libFuzzer does not look at it.
inline bool accepted = false;

}  // namespace afluente::fuzz
