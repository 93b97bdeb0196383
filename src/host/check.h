#pragma once

#include <cstdio>
#include <cstdlib>

#include "absl/status/status.h"

// A broken invariant ends the process, in release too: going on could lose what was acknowledged.
#define AFLUENTE_CHECK(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

// Returns early with the status of `expression` when it is not OK.
#define AFLUENTE_RETURN_IF_ERROR(expression)     \
  do {                                           \
    absl::Status afluente_status = (expression); \
    if (!afluente_status.ok()) [[unlikely]]      \
      return afluente_status;                    \
  } while (false)

#define AFLUENTE_CONCAT_INNER(a, b) a##b
#define AFLUENTE_CONCAT(a, b) AFLUENTE_CONCAT_INNER(a, b)
// `AFLUENTE_ASSIGN_OR_RETURN(auto x, F())`: x gets the value, or the function returns the error.
#define AFLUENTE_ASSIGN_OR_RETURN(declaration, expression) \
  AFLUENTE_ASSIGN_OR_RETURN_IMPL(AFLUENTE_CONCAT(afluente_or_, __LINE__), declaration, expression)
#define AFLUENTE_ASSIGN_OR_RETURN_IMPL(temporary, declaration, expression) \
  auto temporary = (expression);                                           \
  if (!temporary.ok()) [[unlikely]]                                        \
    return std::move(temporary).status();                                  \
  declaration = *std::move(temporary)
