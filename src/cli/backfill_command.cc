#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/admin_client.h"
#include "cli/function_commands.h"
#include "cli/progress.h"
#include "cli/query_text.h"
#include "host/check.h"
#include "source/record_reader.h"

namespace afluente::cli {
namespace {

using Json = nlohmann::json;

constexpr size_t kPartRecords = 5'000;
constexpr size_t kPartBytes = 4 << 20;

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

absl::StatusOr<uint64_t> SendPart(const Instance& instance, const std::string& function,
                                  const Json& part) {
  AFLUENTE_ASSIGN_OR_RETURN(
      const Json answer,
      AskAdmin(instance, "POST", absl::StrCat("/v1/functions/", QueryText(function), "/backfill"),
               part.dump()));
  return answer.at("decided").get<uint64_t>();
}

// Sends what is not decided; the number of records in the file.
absl::StatusOr<uint64_t> SendFile(const Instance& instance, const std::string& function,
                                  const File& file) {
  AFLUENTE_ASSIGN_OR_RETURN(const auto format, source::FormatOfFile(file.path));
  std::ifstream stream(file.path, std::ios::binary);
  auto reader = source::RecordReader::Create(stream, format, file.path);
  Json part = {{"file", file.identity}, {"first", 0}, {"records", Json::array()}};
  // An empty part tells how much is decided already.
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t decided, SendPart(instance, function, part));
  Progress progress("backfilling " + std::filesystem::path(file.path).filename().string(),
                    file.bytes);
  uint64_t count = 0;
  size_t bytes = 0;
  const auto send = [&]() -> absl::Status {
    if (part["records"].empty()) return absl::OkStatus();
    part["first"] = count - part["records"].size();
    AFLUENTE_RETURN_IF_ERROR(SendPart(instance, function, part).status());
    part["records"] = Json::array();
    bytes = 0;
    progress.Update(reader->bytes_read(), count, "records");
    return absl::OkStatus();
  };
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto record, reader->Next());
    if (!record) break;
    ++count;
    if (count <= decided) continue;
    bytes += record->size();
    part["records"].push_back(absl::Base64Escape(*record));
    if (part["records"].size() == kPartRecords || bytes >= kPartBytes) {
      AFLUENTE_RETURN_IF_ERROR(send());
    }
  }
  AFLUENTE_RETURN_IF_ERROR(send());
  progress.Finish(count, "records");
  return count;
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
