// Takes the input as the files of a journal's directory (for each: length of the name, 1 byte;
// name; length of the content, 4 bytes, little-endian; content; what does not parse is cut) and
// recovers from them twice, in memory. Any status is right; a second recovery that differs is not.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "broker/log/format.h"
#include "broker/log/journal.h"
#include "fuzz/accepted.h"
#include "host/check.h"
#include "host/faulty_file_system.h"

namespace afluente::broker::log {
namespace {

constexpr char kDirectory[] = "/journal";

class Contents final : public Recovery {
 public:
  absl::Status OnSnapshot(std::string_view state) override {
    snapshot = state;
    return absl::OkStatus();
  }
  absl::Status OnRecord(const Place& place, std::string_view payload) override {
    records.emplace_back(place, payload);
    return absl::OkStatus();
  }
  std::string snapshot;
  std::vector<std::pair<Place, std::string>> records;
};

JournalOptions FuzzOptions() {
  JournalOptions options;
  options.segment_bytes = 8 << 10;
  options.record_bytes_max = 1 << 10;
  options.group_bytes_max = 1 << 10;
  options.reserve_bytes = 0;
  return options;
}

std::string_view Take(size_t size, std::string_view& input) {
  const std::string_view taken = input.substr(0, size);
  input.remove_prefix(taken.size());
  return taken;
}

void LayFiles(std::string_view input, host::FaultyFileSystem& files) {
  while (input.size() > 5) {
    const std::string name(Take(static_cast<unsigned char>(Take(1, input)[0]), input));
    if (input.size() < 4) return;
    const uint32_t size = ReadUint32(Take(4, input), 0);
    files.SetContent(absl::StrCat(kDirectory, "/", name), std::string(Take(size, input)));
  }
}

absl::Status RecoverTwice(std::string_view input) {
  host::FaultyFileSystem files;
  AFLUENTE_RETURN_IF_ERROR(files.CreateDirectory(kDirectory));
  LayFiles(input, files);
  Contents first;
  auto journal = Journal::Open(files, kDirectory, FuzzOptions(), first);
  if (!journal.ok()) return journal.status();
  for (const auto& [place, payload] : first.records)
    AFLUENTE_CHECK((*journal)->Read(place).value() == payload);
  journal->reset();
  Contents second;
  AFLUENTE_CHECK(Journal::Open(files, kDirectory, FuzzOptions(), second).ok());
  AFLUENTE_CHECK(first.snapshot == second.snapshot && first.records == second.records);
  return absl::OkStatus();
}

}  // namespace
}  // namespace afluente::broker::log

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  afluente::fuzz::accepted =
      afluente::broker::log::RecoverTwice({reinterpret_cast<const char*>(bytes), size}).ok();
  return 0;
}
