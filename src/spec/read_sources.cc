#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "spec/read.h"
#include "spec/sources_shape.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// Pub/Sub's limits for attributes, less those that the door adds itself.
constexpr size_t kRouteAttributesMax = 50;

std::vector<std::string> TextsOf(const YamlNode& map, std::string_view key) {
  std::vector<std::string> texts;
  const YamlNode* list = map.Find(key);
  if (list == nullptr) return texts;
  for (const YamlNode& item : list->items) texts.push_back(item.text);
  return texts;
}

// A YAML file beside afluente.yaml, of `shape`; what is wrong with it becomes one finding here.
std::optional<YamlNode> ReadSideFile(const YamlNode& map, std::string_view key,
                                     std::string_view where, const Shape& shape, Reading* reading) {
  if (map.Find(key) == nullptr) return std::nullopt;
  const std::string path = ExistingFile(map, key, where, reading);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string text(kYamlBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  Findings findings;
  std::optional<YamlNode> root = ParseYaml(text, &findings);
  if (root) CheckShape(*root, shape, "", &findings);
  if (const absl::Status status = findings.ToStatus(path); !status.ok()) {
    reading->findings->Add(PlaceOf(map, key), Concat(where, ": ", std::string(status.message())));
    return std::nullopt;
  }
  return root;
}

void ReadHttp(const YamlNode& http, Reading* reading) {
  constexpr char kWhere[] = "sources.http.api_keys_file";
  const auto file = ReadSideFile(http, "api_keys_file", kWhere, ApiKeysShape(), reading);
  if (!file) return;
  std::vector<ApiKey> keys;
  const YamlNode* list = file->Find("keys");
  for (const YamlNode& item : list->items) {
    keys.push_back({TextOf(item, "name"), TextOf(item, "sha256"), TextsOf(item, "topics")});
  }
  reading->spec->sources.api_keys = std::move(keys);
}

void ReadRoutes(const YamlNode& mqtt, Reading* reading, MqttSource* source) {
  const YamlNode* routes = mqtt.Find("routes");
  if (routes == nullptr) return;
  for (const YamlEntry& entry : routes->entries) {
    MqttRoute route;
    route.filter = entry.key.text;
    route.topic = TextOf(entry.value, "topic");
    CheckTopicExists(route.topic, PlaceOf(entry.value, "topic"), *reading);
    route.ordering_key = TextOf(entry.value, "ordering_key");
    if (const YamlNode* attributes = entry.value.Find("attributes")) {
      for (const YamlEntry& one : attributes->entries) {
        route.attributes[one.key.text] = one.value.text;
        if (one.key.text.starts_with("mqtt_")) {
          reading->findings->Add(one.key.place, Concat(one.key.text,
                                                       ": attributes that begin with "
                                                       "mqtt_ are the door's own"));
        }
      }
    }
    if (route.attributes.size() > kRouteAttributesMax) {
      reading->findings->Add(entry.key.place,
                             Concat("more than ", kRouteAttributesMax, " attributes"));
    }
    source->routes.push_back(std::move(route));
  }
}

void ReadDevices(const YamlNode& devices, Reading* reading, MqttSource* source) {
  source->devices_required = true;
  constexpr char kWhere[] = "sources.mqtt.devices.file";
  const auto file = ReadSideFile(devices, "file", kWhere, DevicesShape(), reading);
  if (!file) return;
  const YamlNode* map = file->Find("devices");
  for (const YamlEntry& entry : map->entries) {
    MqttDevice device;
    device.client_id = entry.key.text;
    device.password_hash = TextOf(entry.value, "password_hash");
    device.public_keys = TextsOf(entry.value, "public_keys");
    device.certificate = IsTrue(entry.value, "certificate");
    device.topics = TextsOf(entry.value, "topics");
    if (device.password_hash.empty() && device.public_keys.empty() && !device.certificate) {
      reading->findings->Add(
          PlaceOf(devices, "file"),
          Concat(kWhere, ": device ", schema::QuoteForMessage(device.client_id),
                 " has neither password_hash nor public_keys nor certificate: true"));
    }
    source->devices.push_back(std::move(device));
  }
}

void ReadMqtt(const YamlNode& mqtt, Reading* reading) {
  MqttSource source;
  ReadRoutes(mqtt, reading, &source);
  if (const YamlNode* devices = mqtt.Find("devices")) ReadDevices(*devices, reading, &source);
  if (const YamlNode* tls = mqtt.Find("tls")) {
    MqttTls read;
    constexpr char kWhere[] = "sources.mqtt.tls";
    if (tls->Find("certificate_file") != nullptr && tls->Find("key_file") != nullptr) {
      read.certificate_file =
          ExistingFile(*tls, "certificate_file", Concat(kWhere, ".certificate_file"), reading);
      read.key_file = ExistingFile(*tls, "key_file", Concat(kWhere, ".key_file"), reading);
    }
    if (tls->Find("client_ca_file") != nullptr) {
      read.client_ca_file =
          ExistingFile(*tls, "client_ca_file", Concat(kWhere, ".client_ca_file"), reading);
    }
    source.tls = std::move(read);
  }
  for (const MqttDevice& device : source.devices) {
    if (!device.certificate || (source.tls && !source.tls->client_ca_file.empty())) continue;
    reading->findings->Add(
        mqtt.place, Concat("sources.mqtt: device ", schema::QuoteForMessage(device.client_id),
                           " comes by certificate; name tls.client_ca_file"));
  }
  reading->spec->sources.mqtt = std::move(source);
}

}  // namespace

void ReadSources(const YamlNode& sources, Reading* reading) {
  if (const YamlNode* http = sources.Find("http")) ReadHttp(*http, reading);
  if (const YamlNode* mqtt = sources.Find("mqtt")) ReadMqtt(*mqtt, reading);
}

std::optional<Forward> ReadForward(const YamlNode& topic, Reading* reading) {
  const YamlNode* node = topic.Find("forward");
  if (node == nullptr) return std::nullopt;
  Forward forward;
  forward.topic = TextOf(*node, "topic");
  forward.endpoint = TextOf(*node, "endpoint");
  if (forward.endpoint.empty()) forward.endpoint = kGooglePubsub;
  if (const auto rate = ParseRate(TextOf(*node, "rate"))) {
    forward.rate = static_cast<double>(rate->count) * 1000.0 /
                   static_cast<double>(std::max<int64_t>(rate->period.count(), 1));
    if (rate->count == 0) reading->findings->Add(PlaceOf(*node, "rate"), "rate: expected above 0");
  }
  return forward;
}

}  // namespace afluente::spec
