#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/function_commands.h"
#include "cli/progress.h"
#include "cli/query_text.h"
#include "cli/record_input.h"
#include "host/check.h"

namespace afluente::cli {
namespace {

using Json = nlohmann::json;

// As much as one request may hold and one commit takes.
constexpr size_t kPartRecords = 30'000;
constexpr size_t kPartBytes = 8 << 20;

struct File {
  std::string path;
  std::string identity;
  uint64_t bytes = 0;
};

// Names a file by its size and content, so that a copy is the same and a changed one another.
absl::StatusOr<File> Identify(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be opened"));
  File file;
  file.path = path;
  // FNV-1a, twice from different starts.
  uint64_t one = 0xcbf29ce484222325u;
  uint64_t two = 0x84222325cbf29ce4u;
  std::string block(1 << 20, '\0');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) ||
         stream.gcount() > 0) {
    for (std::streamsize i = 0; i < stream.gcount(); ++i) {
      const auto byte = static_cast<unsigned char>(block[i]);
      one = (one ^ byte) * 0x100000001b3u;
      two = (two ^ (byte + 1u)) * 0x100000001b3u;
    }
    file.bytes += static_cast<uint64_t>(stream.gcount());
  }
  file.identity = absl::StrCat(file.bytes, "-", absl::Hex(one, absl::kZeroPad16),
                               absl::Hex(two, absl::kZeroPad16));
  return file;
}

// Records `first` and those after it, a line each; none asks how many are decided.
absl::StatusOr<uint64_t> SendPart(const Instance& instance, const std::string& function,
                                  const File& file, uint64_t first, const std::string& lines) {
  const std::string path = absl::StrCat("/v1/functions/", QueryText(function),
                                        "/backfill?file=", file.identity, "&first=", first);
  AFLUENTE_ASSIGN_OR_RETURN(const Json answer,
                            AskAdmin(instance, "POST", path, lines, "application/x-ndjson"));
  return answer.at("decided").get<uint64_t>();
}

// Sends what is not decided; the number of records in the file.
absl::StatusOr<uint64_t> SendFile(const Instance& instance, const std::string& function,
                                  const File& file) {
  AFLUENTE_ASSIGN_OR_RETURN(uint64_t decided, SendPart(instance, function, file, 0, ""));
  AFLUENTE_ASSIGN_OR_RETURN(const auto input, RecordInput::Open(file.path, decided));
  Progress progress("backfilling " + input->name(), input->bytes_total());
  std::string lines;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto record, input->Next());
    const bool full = record && lines.size() + record->size() > kPartBytes;
    if (!lines.empty() && (!record || full || input->records() - decided > kPartRecords)) {
      AFLUENTE_ASSIGN_OR_RETURN(decided, SendPart(instance, function, file, decided, lines));
      lines.clear();
      progress.Update(input->bytes_read(), decided, "records");
    }
    if (!record) break;
    if (!lines.empty()) lines += '\n';
    lines += *record;
  }
  progress.Finish(input->records(), "records");
  return input->records();
}

}  // namespace

int RunBackfill(const InstanceLocation& location, const BackfillOptions& options) {
  const auto instance = FindInstance(location);
  if (!instance.ok()) return Fail(instance.status());
  uint64_t records = 0;
  for (const std::string& path : options.files) {
    const auto file = Identify(path);
    if (!file.ok()) return Fail(file.status());
    const auto sent = SendFile(*instance, options.function, *file);
    if (!sent.ok()) {
      return Fail(
          absl::Status(sent.status().code(), absl::StrCat(path, ": ", sent.status().message())));
    }
    records += *sent;
  }
  if (options.json) {
    std::printf("%s\n", Json{{"records", records}, {"files", options.files.size()}}.dump().c_str());
  }
  return 0;
}

}  // namespace afluente::cli
