#include "host/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "host/check.h"

namespace afluente::host {

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  size_t filled = 0;
  while (filled < size) {
    ssize_t count = getrandom(bytes.data() + filled, size - filled, 0);
    if (count < 0 && errno == EINTR) continue;
    AFLUENTE_CHECK(count > 0);
    filled += static_cast<size_t>(count);
  }
  return bytes;
}

std::string RandomHex(size_t size) { return absl::BytesToHexString(RandomBytes(size)); }

uint64_t RandomUint64() {
  const std::string bytes = RandomBytes(sizeof(uint64_t));
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace afluente::host
