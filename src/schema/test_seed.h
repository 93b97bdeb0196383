#pragma once

#include <cstdio>
#include <cstdlib>
#include <random>

namespace afluente::schema {

// For randomised tests: AFLUENTE_SEED, or a new seed; printed at once, so that a crash can be
// played again.
inline unsigned TestSeed() {
  const char* given = std::getenv("AFLUENTE_SEED");
  unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                   : std::random_device{}();
  std::printf("AFLUENTE_SEED=%u\n", seed);
  std::fflush(stdout);
  return seed;
}

}  // namespace afluente::schema
