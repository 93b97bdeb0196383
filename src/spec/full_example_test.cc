#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "spec/scratch_directory.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

// The whole example of the spec's design, with keys that only later versions take.
constexpr std::string_view kExample = R"(project: ltm-demo
topics:
  Data:
    message_retention_duration: 604800s
    schema: {file: schemas/event.avsc, encoding: JSON}
  Data-dead: {}
subscriptions:
  audit: {topic: Data, filter: 'attributes.kind = "audit"', ack_deadline_seconds: 30}
datasets:
  enterprise_app_dataset:
    location: US
    tables:
      latest_table:
        schema:
          - {name: app_id, type: INT64, mode: REQUIRED}
          - {name: app_department, type: STRING}
          - {name: action_id, type: INT64}
          - {name: department_id, type: INT64}
          - {name: user_email, type: STRING}
          - {name: date, type: DATE}
        time_partitioning: {type: DAY, field: date}
        clustering: [app_id]
functions:
  store:
    topic: Data
    filter: 'attributes.kind = "action"'
    table: enterprise_app_dataset.latest_table
    transform: {sql: functions/store.sql}
    unknown_fields: reject
    retry_policy: {minimum_backoff: 1s, maximum_backoff: 600s}
    dead_letter_policy: {topic: Data-dead, max_delivery_attempts: 5}
    enable_message_ordering: false
    start: earliest
endpoints:
  "/app_info/{app_id}:{app_department}":
    summary: Rows of one app in one department
    sql: queries/app_info.sql
    parameters: {app_id: INT64, app_department: STRING}
    cache: 5s
access:
  members: ["domain:ltm.example", "user:ana@ltm.example",
      "serviceAccount:reader@ltm-demo.iam.gserviceaccount.com"]
  endpoints: {"/app_info/*": {members: ["group:analysts@ltm.example"]}}
  groups: {"analysts@ltm.example": ["ana@ltm.example"]}
  assertion:
    issuer: https://cloud.google.com/iap
    audience: /projects/1/locations/us-central1/services/api
    jwks_uri: https://www.gstatic.com/iap/verify/public_key-jwk
  login: {issuer: "https://accounts.google.com", client_id: web-client,
      client_secret_file: secret.txt}
  hosts: [api.ltm.example]
  roles: {viewer: ["domain:ltm.example"], operator: ["user:ana@ltm.example"], publisher: [],
      admin: []}
  datasets: {enterprise_app_dataset: {members: ["group:analysts@ltm.example"]}}
tls: {certificate_file: tls.crt, key_file: tls.key}
limits: {memory: 2Gi, threads: 1, disk: 50Gi, request_bytes: 10Mi}
sources:
  mqtt:
    routes:
      "devices/+/telemetry": {topic: Data, attributes: {kind: telemetry}}
    devices: {file: devices.yaml}
  http: {api_keys_file: keys.yaml}
deploy:
  region: us-central1
  api: {port: 8000, cpu: 1, memory: 2Gi, min_instances: 1}
)";

TEST(Load, KnowsEveryKeyOfTheFullExample) {
  ScratchDirectory directory;
  directory.Write("functions/store.sql", "SELECT 1");
  directory.Write("queries/app_info.sql", "SELECT 1");
  for (const char* file : {"secret.txt", "tls.crt", "tls.key"}) directory.Write(file, "x");
  directory.Write("devices.yaml", "devices: {}\n");
  directory.Write("keys.yaml", "keys: []\n");
  auto spec = Load(directory.Write("afluente.yaml", kExample));
  ASSERT_FALSE(spec.ok());
  std::vector<std::string> refused;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(std::string(spec.status().message()), '\n'))) {
    ASSERT_TRUE(absl::EndsWith(line, " is not supported by this version")) << line;
    std::string path = line.substr(line.find(": ") + 2);
    refused.push_back(path.substr(0, path.rfind(" is not supported")));
  }
  EXPECT_THAT(refused, testing::ElementsAre("topics.Data.schema"));
}

}  // namespace
}  // namespace afluente::spec
