#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "schema/text.h"
#include "spec/read.h"
#include "spec/shape.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using schema::Concat;

absl::StatusOr<std::string> ReadFile(const std::string& file) {
  std::error_code error;
  auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    return absl::InvalidArgumentError(Concat(file, ":1:1: there is no such file"));
  }
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(Concat(file, ":1:1: this is not a file"));
  }
  // One byte more than allowed is enough for ParseYaml to refuse it.
  std::ifstream stream(file, std::ios::binary);
  std::string text(kYamlBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (!stream && !stream.eof())) {
    return absl::InvalidArgumentError(Concat(file, ":1:1: the file cannot be read"));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

}  // namespace

absl::StatusOr<Spec> Load(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return text.status();
  Findings findings;
  std::optional<YamlNode> root = ParseYaml(*text, &findings);
  if (!root.has_value()) return findings.ToStatus(file);
  CheckShape(*root, FileShape(), "", &findings);

  Spec spec;
  spec.file = file;
  spec.project = TextOf(*root, "project");
  Reading reading{&spec, &findings, std::filesystem::path(file).parent_path()};
  auto read = [&](std::string_view key, void (*part)(const YamlNode&, Reading*)) {
    if (const YamlNode* node = root->Find(key)) part(*node, &reading);
  };
  read("limits", ReadLimits);
  read("topics", ReadTopics);
  read("subscriptions", ReadSubscriptions);
  read("datasets", ReadDatasets);
  read("functions", ReadFunctions);
  read("endpoints", ReadEndpoints);
  read("access", ReadAccess);
  read("tls", ReadTls);
  read("sources", ReadSources);
  read("traces", ReadTraces);
  if (absl::Status status = findings.ToStatus(file); !status.ok()) return status;
  return spec;
}

}  // namespace afluente::spec
