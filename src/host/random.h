#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace afluente::host {

// Bytes from the kernel's generator, fit for keys and identities. Thread-safe. Ends the process
// when the kernel has none: nothing may go on with guessable secrets.
std::string RandomBytes(size_t size);
// `size` random bytes as 2 * `size` lower-case hexadecimal digits.
std::string RandomHex(size_t size);
uint64_t RandomUint64();

}  // namespace afluente::host
