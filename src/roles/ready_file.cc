#include "roles/ready_file.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "host/check.h"

namespace afluente::roles {
namespace {

std::string DefaultFile(const UpOptions& options) { return options.data_dir + "/ready.json"; }

std::string SpecPlaceFile(const std::string& data_dir) { return data_dir + "/spec_file"; }

absl::Status WriteAtomically(const std::string& file, const std::string& text) {
  const std::string part = file + ".part";
  {
    std::ofstream out(part, std::ios::trunc);
    out << text;
    out.close();
    if (!out) return absl::UnavailableError(absl::StrCat(file, ": cannot be written"));
  }
  if (std::rename(part.c_str(), file.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat(file, ": cannot be written"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ReadyLine(const ReadyDoors& doors) {
  const std::string scheme = doors.tls ? "https://" : "http://";
  return absl::StrCat("afluente ready  api ", scheme, doors.api, "  pubsub ", doors.pubsub,
                      "  bigquery ", scheme, doors.bigquery, "  admin ", scheme, doors.admin,
                      doors.proxy.empty() ? "" : "  proxy " + scheme, doors.proxy);
}

absl::Status WriteReadyFiles(const UpOptions& options, const ReadyDoors& doors) {
  const std::string scheme = doors.tls ? "https://" : "http://";
  nlohmann::json json = {{"pid", getpid()},
                         {"project", doors.project},
                         {"api", scheme + doors.api},
                         {"pubsub", doors.pubsub},
                         {"admin", scheme + doors.admin}};
  if (!doors.bigquery.empty()) json["bigquery"] = scheme + doors.bigquery;
  if (!doors.bigquery_storage.empty()) json["bigquery_storage"] = doors.bigquery_storage;
  if (!doors.ingest.empty()) json["ingest"] = scheme + doors.ingest;
  if (!doors.mqtt.empty()) json["mqtt"] = doors.mqtt;
  if (!doors.mqtts.empty()) json["mqtts"] = doors.mqtts;
  if (!doors.proxy.empty()) json["proxy"] = scheme + doors.proxy;
  if (doors.tls) json["tls"] = true;
  const std::string text = json.dump() + "\n";
  AFLUENTE_RETURN_IF_ERROR(WriteAtomically(DefaultFile(options), text));
  if (options.ready_file.empty()) return absl::OkStatus();
  return WriteAtomically(options.ready_file, text);
}

absl::Status RememberSpec(const UpOptions& options) {
  return WriteAtomically(SpecPlaceFile(options.data_dir),
                         std::filesystem::absolute(options.spec_file).string() + "\n");
}

std::string RememberedSpec(const std::string& data_dir) {
  std::ifstream in(SpecPlaceFile(data_dir));
  std::string place;
  std::getline(in, place);
  return place;
}

void RemoveReadyFiles(const UpOptions& options) {
  std::remove(DefaultFile(options).c_str());
  if (!options.ready_file.empty()) std::remove(options.ready_file.c_str());
}

}  // namespace afluente::roles
