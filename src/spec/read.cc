#include "spec/read.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "event/filter.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

// BigQuery's limit for a query's text.
constexpr uintmax_t kSqlBytesMax = 1 << 20;

void ReadSize(const YamlNode& limits, std::string_view key, uint64_t least, uint64_t most,
              uint64_t* bytes, Reading* reading) {
  const YamlNode* node = limits.Find(key);
  if (node == nullptr) return;
  std::optional<uint64_t> size = ParseSize(node->text);
  if (!size.has_value()) return;
  if (*size < least || *size > most) {
    reading->findings->Add(node->place, Concat("limits.", key, ": expected ", FormatSize(least),
                                               " to ", FormatSize(most), ", found ", node->text));
  }
  *bytes = *size;
}

}  // namespace

std::string TextOf(const YamlNode& map, std::string_view key) {
  const YamlNode* node = map.Find(key);
  return node == nullptr || node->kind != YamlNode::Kind::kScalar ? "" : node->text;
}

bool IsTrue(const YamlNode& map, std::string_view key) { return TextOf(map, key) == "true"; }

int IntegerOf(const YamlNode& map, std::string_view key, int otherwise) {
  std::optional<int64_t> value = schema::ParseInt64(TextOf(map, key));
  bool fits = value.has_value() && *value >= 0 && *value <= INT32_MAX;
  return fits ? static_cast<int>(*value) : otherwise;
}

Place PlaceOf(const YamlNode& map, std::string_view key) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? map.place : node->place;
}

void CheckTopicExists(const std::string& name, Place place, const Reading& reading) {
  if (name.empty()) return;
  for (const Topic& topic : reading.spec->topics) {
    if (topic.name == name) return;
  }
  std::vector<std::string> known;
  for (const Topic& topic : reading.spec->topics) known.push_back(topic.name);
  reading.findings->Add(place, Concat("topic ", schema::QuoteForMessage(name), " is not in topics",
                                      Suggestion(name, known)));
}

std::string ReadFilter(const YamlNode& map, Reading* reading) {
  std::string text = TextOf(map, "filter");
  auto filter = event::Filter::Parse(text);
  if (!filter.ok()) {
    reading->findings->Add(PlaceOf(map, "filter"),
                           Concat("filter: ", std::string(filter.status().message())));
  }
  return text;
}

std::string ReadSqlFile(const std::string& file, Place place, Reading* reading) {
  if (file.empty()) return "";
  auto fail = [&](std::string_view what) {
    reading->findings->Add(place, Concat(schema::QuoteForMessage(file), ": ", what));
    return std::string();
  };
  std::filesystem::path path = reading->directory / file;
  std::error_code error;
  auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return fail("there is no such file");
  if (!std::filesystem::is_regular_file(status)) return fail("this is not a file");
  if (std::filesystem::file_size(path, error) > kSqlBytesMax || error) {
    return fail("the file has more than 1 MiB");
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) return fail("the file cannot be read");
  if (!schema::IsUtf8(text) || text.find('\0') != std::string::npos) return fail("not UTF-8 text");
  if (schema::StripSpace(text).empty()) return fail("the file is empty");
  return text;
}

void ReadTopics(const YamlNode& topics, Reading* reading) {
  using std::chrono::seconds;
  for (const YamlEntry& entry : topics.entries) {
    Topic topic;
    topic.name = entry.key.text;
    if (auto kept = ParseDuration(TextOf(entry.value, "message_retention_duration"))) {
      Place place = PlaceOf(entry.value, "message_retention_duration");
      if (*kept < seconds(600) || *kept > seconds(2'678'400) || kept->count() % 1000 != 0) {
        reading->findings->Add(place, Concat("topics.", topic.name,
                                             ".message_retention_duration: expected whole seconds "
                                             "from 600s to 2678400s"));
      }
      topic.message_retention_duration = std::chrono::duration_cast<seconds>(*kept);
    }
    topic.forward = ReadForward(entry.value, reading);
    reading->spec->topics.push_back(std::move(topic));
  }
}

void ReadSubscriptions(const YamlNode& subscriptions, Reading* reading) {
  for (const YamlEntry& entry : subscriptions.entries) {
    Subscription subscription;
    subscription.name = entry.key.text;
    subscription.topic = TextOf(entry.value, "topic");
    CheckTopicExists(subscription.topic, PlaceOf(entry.value, "topic"), *reading);
    subscription.filter = ReadFilter(entry.value, reading);
    subscription.ack_deadline_seconds = IntegerOf(entry.value, "ack_deadline_seconds", 10);
    subscription.enable_message_ordering = IsTrue(entry.value, "enable_message_ordering");
    reading->spec->subscriptions.push_back(std::move(subscription));
  }
}

void ReadTraces(const YamlNode& traces, Reading* reading) {
  Traces read;
  read.endpoint = TextOf(traces, "endpoint");
  if (read.endpoint.find_first_of("?#") != std::string::npos) {
    reading->findings->Add(PlaceOf(traces, "endpoint"),
                           "traces.endpoint: expected a URL without a query or fragment");
  }
  // What is no number from 0 to 1 is CheckShape's finding.
  if (traces.Find("sample_ratio") != nullptr) {
    read.sample_ratio = std::strtod(TextOf(traces, "sample_ratio").c_str(), nullptr);
  }
  reading->spec->traces = std::move(read);
}

void ReadLimits(const YamlNode& limits, Reading* reading) {
  constexpr uint64_t kKi = 1 << 10, kMi = 1 << 20, kTi = uint64_t{1} << 40;
  Limits* read = &reading->spec->limits;
  ReadSize(limits, "memory", 128 * kMi, 16 * kTi, &read->memory_bytes, reading);
  ReadSize(limits, "disk", 256 * kMi, 1024 * kTi, &read->disk_bytes, reading);
  ReadSize(limits, "request_bytes", kKi, 256 * kMi, &read->request_bytes, reading);
  read->threads = IntegerOf(limits, "threads", read->threads);
}

}  // namespace afluente::spec
