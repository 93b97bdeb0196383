#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace afluente::spec {

// A key of POST /ingest, as the file has it: only its hash.
struct ApiKey {
  std::string name;
  std::string sha256_hex;
  std::vector<std::string> topics;  // empty = all
};

struct MqttRoute {
  std::string filter;
  std::string topic;
  std::map<std::string, std::string> attributes;
  std::string ordering_key;  // mqtt_topic, mqtt_client_id or empty
};

struct MqttDevice {
  std::string client_id;
  std::string password_hash;             // empty = none
  std::vector<std::string> public_keys;  // PEM
  bool certificate = false;
  std::vector<std::string> topics;  // filters; empty = all
};

struct MqttTls {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // empty: no device certificates
};

struct MqttSource {
  std::vector<MqttRoute> routes;
  bool devices_required = false;  // there is a devices file
  std::vector<MqttDevice> devices;
  std::optional<MqttTls> tls;
};

// The `sources:` block.
struct Sources {
  std::optional<std::vector<ApiKey>> api_keys;  // nullopt: everybody on this machine may publish
  std::optional<MqttSource> mqtt;               // nullopt: the door stays shut
};

// A topic's `forward:`.
struct Forward {
  std::string topic;     // full name
  std::string endpoint;  // HOST:PORT
  double rate = 0;       // messages a second; 0 = no limit
};

// What a forward's subscription is called, the topic's name after it.
inline constexpr char kForwardPrefix[] = "afluente-forward-";
// Google's Pub/Sub, for a `forward:` without `endpoint:`.
inline constexpr char kGooglePubsub[] = "pubsub.googleapis.com:443";

}  // namespace afluente::spec
