#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "spec/findings.h"
#include "spec/spec.h"
#include "spec/yaml_tree.h"

namespace afluente::spec {

// What the readers of the file's parts share. Each part fills its field of `spec` and adds what it
// finds; values of a wrong shape were reported by CheckShape and are passed over here.
struct Reading {
  Spec* spec;
  Findings* findings;
  std::filesystem::path directory;  // of afluente.yaml
};

void ReadTopics(const YamlNode& topics, Reading* reading);
// After the topics, since they name them.
void ReadSubscriptions(const YamlNode& subscriptions, Reading* reading);
void ReadDatasets(const YamlNode& datasets, Reading* reading);
// After topics and datasets.
void ReadFunctions(const YamlNode& functions, Reading* reading);
// The `transform` of one function.
void ReadTransform(const YamlNode& function_node, Function* function, Reading* reading);
void ReadEndpoints(const YamlNode& endpoints, Reading* reading);
// After datasets and endpoints.
void ReadAccess(const YamlNode& access, Reading* reading);
void ReadTls(const YamlNode& tls, Reading* reading);
// The `parameters` of one endpoint: the path's first, as `in_path` names them.
void ReadParameters(const YamlEntry& endpoint, const std::vector<std::string>& in_path,
                    std::vector<EndpointParameter>* parameters, Reading* reading);
// After the topics.
void ReadSources(const YamlNode& sources, Reading* reading);
std::optional<Forward> ReadForward(const YamlNode& topic, Reading* reading);
void ReadTraces(const YamlNode& traces, Reading* reading);
void ReadLimits(const YamlNode& limits, Reading* reading);

// Of a map's key; "" when it is missing or no scalar.
std::string TextOf(const YamlNode& map, std::string_view key);
bool IsTrue(const YamlNode& map, std::string_view key);
int IntegerOf(const YamlNode& map, std::string_view key, int otherwise);
// The place of a key's value, or of the map.
Place PlaceOf(const YamlNode& map, std::string_view key);

// A finding when no topic is called `name`.
void CheckTopicExists(const std::string& name, Place place, const Reading& reading);
// A finding when the filter under `filter` does not parse; its text.
std::string ReadFilter(const YamlNode& map, Reading* reading);
// The path of a file named relative to afluente.yaml; a finding when there is none.
std::string ExistingFile(const YamlNode& map, std::string_view key, std::string_view where,
                         Reading* reading);
// The text of a SQL or JavaScript file named relative to afluente.yaml; "" with a finding when it
// cannot be read.
std::string ReadSqlFile(const std::string& file, Place place, Reading* reading);

}  // namespace afluente::spec
