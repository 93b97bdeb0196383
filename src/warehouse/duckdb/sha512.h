#pragma once

#include <string>
#include <string_view>

namespace afluente::warehouse::duckdb {

// SHA-512 (FIPS 180-4) of `bytes`, 64 bytes; for GoogleSQL's SHA512, not for secrets.
std::string Sha512(std::string_view bytes);

}  // namespace afluente::warehouse::duckdb
