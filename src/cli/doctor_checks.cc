#include "cli/doctor_checks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/data_directory.h"
#include "host/file_system.h"
#include "roles/version.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::cli {
namespace {

constexpr uint64_t kMebibyte = 1 << 20;
constexpr uint64_t kDiskGood = uint64_t{2} << 30;
constexpr uint64_t kDiskBad = 512 * kMebibyte;
constexpr int kSyncs = 25;
constexpr double kSyncDoubtfulMilliseconds = 25;
constexpr rlim_t kDescriptorsGood = 4'096;
constexpr int kFirstYear = 2024;

std::string Size(uint64_t bytes) {
  if (bytes >= uint64_t{10} << 30) return absl::StrCat(bytes >> 30, " GiB");
  return absl::StrCat(bytes >> 20, " MiB");
}

Finding CheckSpec(const Patient& patient) {
  if (patient.spec.ok()) {
    return {"specification", Verdict::kGood,
            absl::StrCat(patient.spec->file, ": ", patient.spec->topics.size(), " topics, ",
                         patient.spec->functions.size(), " functions, ",
                         patient.spec->endpoints.size(), " endpoints")};
  }
  return {"specification", Verdict::kBad, std::string(patient.spec.status().message())};
}

// Empty when it can be bound now.
std::string WhyNotBound(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65'535)
    return "not HOST:PORT";
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (inet_pton(AF_INET, host.c_str(), &name.sin_addr) != 1) name.sin_addr.s_addr = INADDR_ANY;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
  const std::string why = bound ? "" : std::strerror(errno);
  close(fd);
  return why;
}

Finding CheckPorts(const Patient& patient) {
  if (patient.instance.ok()) {
    return {"ports", Verdict::kGood,
            absl::StrCat("an instance runs here (process ", patient.instance->pid,
                         "): ", patient.instance->api, ", ", patient.instance->admin)};
  }
  std::string taken;
  const std::pair<const char*, const std::string*> doors[] = {{"api", &patient.doors.api},
                                                              {"pubsub", &patient.doors.pubsub},
                                                              {"admin", &patient.doors.admin}};
  for (const auto& [name, address] : doors) {
    const std::string why = WhyNotBound(*address);
    if (!why.empty()) absl::StrAppend(&taken, name, " ", *address, ": ", why, "; ");
  }
  if (taken.empty()) {
    return {"ports", Verdict::kGood,
            absl::StrCat("free: ", patient.doors.api, ", ", patient.doors.pubsub, ", ",
                         patient.doors.admin)};
  }
  return {"ports", Verdict::kBad,
          absl::StrCat(taken, "choose others with --api-listen, --pubsub-listen, --admin-listen")};
}

// The directory, or the nearest one above it that is there.
std::string Existing(const std::string& directory) {
  std::filesystem::path path = std::filesystem::absolute(directory);
  while (!std::filesystem::exists(path) && path.has_relative_path()) path = path.parent_path();
  return path.string();
}

Finding CheckDirectory(const Patient& patient) {
  const std::string& directory = patient.data_dir;
  if (!std::filesystem::exists(directory)) {
    const std::string above = Existing(directory);
    if (access(above.c_str(), W_OK) == 0)
      return {"data directory", Verdict::kGood, directory + ": new, will be created"};
    return {"data directory", Verdict::kBad,
            absl::StrCat(directory, ": cannot be created: ", above, " is not writable")};
  }
  if (patient.instance.ok())
    return {"data directory", Verdict::kGood,
            absl::StrCat(directory, ": in use by process ", patient.instance->pid)};
  const auto held = host::DataDirectory::Open(directory);
  if (!held.ok()) return {"data directory", Verdict::kBad, std::string(held.status().message())};
  const std::string warehouse = (*held)->PathOf("warehouse");
  if (!std::filesystem::exists(warehouse + "/warehouse.duckdb"))
    return {"data directory", Verdict::kGood, directory + ": empty"};
  warehouse::duckdb::DuckdbOptions options;
  options.directory = warehouse;
  const auto database = warehouse::duckdb::DuckdbDatabase::Open(options);
  if (!database.ok())
    return {"data directory", Verdict::kBad,
            absl::StrCat(directory, ": ", std::string(database.status().message()))};
  return {"data directory", Verdict::kGood,
          absl::StrCat(directory, ": of a version that ", roles::kVersion, " reads")};
}

Finding CheckDisk(const Patient& patient) {
  const std::string directory = Existing(patient.data_dir);
  const auto free = host::PosixFileSystem().FreeBytes(directory);
  if (!free.ok()) return {"disk space", Verdict::kBad, std::string(free.status().message())};
  const std::string detail = absl::StrCat(Size(*free), " free in ", directory);
  if (*free < kDiskBad)
    return {"disk space", Verdict::kBad, detail + ": publishes are refused soon"};
  if (*free < kDiskGood) return {"disk space", Verdict::kDoubtful, detail};
  return {"disk space", Verdict::kGood, detail};
}

Finding CheckSync(const Patient& patient) {
  host::PosixFileSystem files;
  const std::string path = absl::StrCat(Existing(patient.data_dir), "/.afluente-doctor-", getpid());
  auto file = files.Open(path, host::FileSystem::Mode::kCreateNew);
  if (!file.ok()) return {"disk sync", Verdict::kBad, std::string(file.status().message())};
  std::vector<double> milliseconds;
  absl::Status failed;
  for (int i = 0; i < kSyncs && failed.ok(); ++i) {
    failed = (*file)->WriteAt(static_cast<uint64_t>(i) * 4096, std::string(4096, 'x'));
    const auto begin = std::chrono::steady_clock::now();
    if (failed.ok()) failed = (*file)->Sync();
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  file->reset();
  (void)files.Remove(path);
  if (!failed.ok()) return {"disk sync", Verdict::kBad, std::string(failed.message())};
  std::sort(milliseconds.begin(), milliseconds.end());
  const double median = milliseconds[milliseconds.size() / 2];
  char text[96];
  std::snprintf(text, sizeof text, "median %.2f ms, longest %.2f ms of %d syncs", median,
                milliseconds.back(), kSyncs);
  if (median > kSyncDoubtfulMilliseconds)
    return {"disk sync", Verdict::kDoubtful,
            absl::StrCat(text, ": each publish waits for one, so that single publishes are slow")};
  return {"disk sync", Verdict::kGood, text};
}

Finding CheckClock() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  if (parts.tm_year + 1900 < kFirstYear)
    return {"clock", Verdict::kBad, absl::StrCat("the year is ", parts.tm_year + 1900)};
  timex state{};
  const int sync = adjtimex(&state);
  if (sync == TIME_ERROR || (sync >= 0 && (state.status & STA_UNSYNC) != 0))
    return {"clock", Verdict::kDoubtful,
            "no time service keeps it: publish times and tokens depend on it"};
  return {"clock", Verdict::kGood, "kept by a time service"};
}

uint64_t AvailableMemory() {
  std::ifstream lines("/proc/meminfo");
  std::string name;
  uint64_t kibibytes = 0;
  std::string unit;
  while (lines >> name >> kibibytes && std::getline(lines, unit)) {
    if (name == "MemAvailable:") return kibibytes << 10;
  }
  return 0;
}

Finding CheckLimits(const Patient& patient) {
  std::string doubts;
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0 && descriptors.rlim_max < kDescriptorsGood)
    absl::StrAppend(&doubts, "only ", descriptors.rlim_max,
                    " open files are allowed (ulimit -Hn); ");
  const spec::Limits limits = patient.spec.ok() ? patient.spec->limits : spec::Limits();
  const uint64_t available = AvailableMemory();
  if (!patient.instance.ok() && available > 0 && limits.memory_bytes > available)
    absl::StrAppend(&doubts, "limits.memory is ", Size(limits.memory_bytes), " but ",
                    Size(available), " are available; ");
  const unsigned cores = std::thread::hardware_concurrency();
  if (limits.threads > static_cast<int>(cores))
    absl::StrAppend(&doubts, "limits.threads is ", limits.threads, " on ", cores, " cores; ");
  const std::string facts =
      absl::StrCat("memory ", Size(limits.memory_bytes), ", threads ", limits.threads, ", disk ",
                   Size(limits.disk_bytes), ", open files ", descriptors.rlim_max);
  if (doubts.empty()) return {"limits", Verdict::kGood, facts};
  return {"limits", Verdict::kDoubtful, doubts.substr(0, doubts.size() - 2)};
}

Finding CheckIdentity(const Patient& patient) {
  if (!patient.spec.ok()) return {"identity", Verdict::kDoubtful, "no specification to look at"};
  const auto& access = patient.spec->access;
  if (patient.spec->tls)
    return {"identity", Verdict::kBad, "tls: is not supported by this version; leave it out"};
  if (!access)
    return {"identity", Verdict::kGood, "off: no access: in the specification, loopback only"};
  std::string files;
  const auto need = [&files](const std::string& path) {
    if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
      absl::StrAppend(&files, path, " cannot be read; ");
  };
  if (access->login) need(access->login->client_secret_file);
  if (access->assertion && access->assertion->jwks_uri.starts_with("file:"))
    need(absl::StrReplaceAll(access->assertion->jwks_uri, {{"file://", ""}, {"file:", ""}}));
  if (!files.empty()) return {"identity", Verdict::kBad, files.substr(0, files.size() - 2)};
  if (!access->assertion && !access->login)
    return {"identity", Verdict::kDoubtful,
            "the developer issuer believes whoever asks: for this machine alone"};
  return {"identity", Verdict::kGood,
          absl::StrCat("assertions of ",
                       access->assertion ? access->assertion->issuer : "the built-in proxy")};
}

}  // namespace

std::vector<Finding> Examine(const Patient& patient) {
  return {CheckSpec(patient), CheckPorts(patient), CheckDirectory(patient), CheckDisk(patient),
          CheckSync(patient), CheckClock(),        CheckLimits(patient),    CheckIdentity(patient)};
}

}  // namespace afluente::cli
