#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "console/readings.h"

namespace afluente::console {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

uint64_t CountEntries(const char* directory) {
  std::error_code error;
  uint64_t count = 0;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    ++count;
  return count;
}

}  // namespace

ProcessUse ReadProcessUse() {
  ProcessUse use;
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  if (statm >> pages >> pages)
    use.resident_bytes = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    use.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  use.descriptors = CountEntries("/proc/self/fd");
  use.threads = CountEntries("/proc/self/task");
  return use;
}

uint64_t BytesIn(const std::string& directory) {
  std::error_code error;
  uint64_t bytes = 0;
  for (auto entry = std::filesystem::recursive_directory_iterator(directory, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // a file that is just being removed
    const uint64_t size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace afluente::console
