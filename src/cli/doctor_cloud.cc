#include "cli/doctor_cloud.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/clock.h"
#include "http/connection_pool.h"
#include "http/server.h"
#include "roles/google_access.h"
#include "roles/google_pubsub.h"
#include "roles/spec_catalog.h"
#include "warehouse/bigquery/json_member.h"
#include "warehouse/bigquery/rest_client.h"
#include "warehouse/bigquery/table_resource.h"

namespace afluente::cli {
namespace {

using nlohmann::json;
using warehouse::bigquery::List;
using warehouse::bigquery::Member;
using warehouse::bigquery::RestClient;
using warehouse::bigquery::Text;

constexpr std::chrono::seconds kPatience{20};
constexpr uint64_t kAnswerBytesMax = 4 << 20;

using Names = std::vector<std::string>;

// Google's services, asked with the caller's own credentials.
class Services {
 public:
  static absl::StatusOr<std::unique_ptr<Services>> Dial(const CloudPatient& patient) {
    auto services = std::make_unique<Services>();
    const bool emulator = absl::StartsWith(patient.google.bigquery, "http://");
    auto access = roles::GoogleAccess::Find(emulator, *services->connections_, services->clock_);
    if (!access.ok()) return access.status();
    services->access_ = *std::move(access);
    const std::string pubsub = roles::PubsubAddress(patient.google.pubsub);
    const bool google = roles::PubsubOptions(pubsub).google;
    services->pubsub = services->Client(absl::StrCat(
        google ? "https://" : "http://", google ? pubsub.substr(0, pubsub.rfind(':')) : pubsub));
    services->bigquery = services->Client(patient.google.bigquery);
    services->resource_manager = services->Client(patient.resource_manager);
    return services;
  }

  absl::StatusOr<json> Ask(RestClient& client, std::string path, const json& body = nullptr) {
    warehouse::bigquery::RestCall call;
    call.path = std::move(path);
    if (!body.is_null()) {
      call.method = "POST";
      call.body = body.dump();
    }
    return client.Call(call, {clock_.Monotonic() + kPatience});
  }
  absl::Status Authenticate() { return access_->token()().status(); }

 private:
  std::unique_ptr<RestClient> Client(std::string endpoint) {
    warehouse::bigquery::RestOptions options;
    options.endpoint = std::move(endpoint);
    return std::make_unique<RestClient>(*connections_, access_->token(), clock_, options);
  }
  static http::PoolOptions Pool() {
    http::PoolOptions options;
    options.answer_bytes_max = kAnswerBytesMax;
    return options;
  }

  host::SystemClock clock_;
  http::IoThreads threads_{1};
  std::unique_ptr<http::ConnectionPool> connections_ =
      http::ConnectionPool::Create(threads_, Pool());
  std::unique_ptr<roles::GoogleAccess> access_;

 public:
  std::unique_ptr<RestClient> pubsub;
  std::unique_ptr<RestClient> bigquery;
  std::unique_ptr<RestClient> resource_manager;
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class CloudDoctor {
 public:
  CloudDoctor(const spec::Spec& spec, const CloudPatient& patient, Services& services)
      : spec_(spec), patient_(patient), services_(services) {}

  std::vector<Finding> Examine() {
    CheckProject();
    for (const spec::Topic& topic : spec_.topics) CheckTopic(topic);
    for (const spec::Subscription& each : spec_.subscriptions) CheckSubscription(each);
    for (const spec::Function& function : spec_.functions) CheckFunction(function);
    CheckTables();
    CheckAssertion();
    return std::move(findings_);
  }

 private:
  void Report(std::string check, const Names& problems, std::string good) {
    if (problems.empty()) {
      findings_.push_back({std::move(check), Verdict::kGood, std::move(good)});
    } else {
      findings_.push_back({std::move(check), Verdict::kBad, absl::StrJoin(problems, "\n")});
    }
  }

  // What the caller lacks of `permissions`, as problems.
  void Permit(RestClient& client, const std::string& path, const std::string& what,
              const Names& permissions, Names& problems) {
    const auto answer =
        services_.Ask(client, path + ":testIamPermissions", {{"permissions", permissions}});
    if (!answer.ok()) {
      if (absl::IsNotFound(answer.status())) return;  // told by the resource's own check
      problems.push_back(
          absl::StrCat(what, ": permissions cannot be asked: ", Message(answer.status())));
      return;
    }
    for (const std::string& permission : permissions) {
      const json& granted = List(*answer, "permissions");
      if (std::find(granted.begin(), granted.end(), json(permission)) == granted.end()) {
        problems.push_back(absl::StrCat(what, ": ", permission, " is missing"));
      }
    }
  }

  void CheckProject() {
    Names problems;
    const std::string path = absl::StrCat("/v1/projects/", spec_.project);
    const auto project = services_.Ask(*services_.resource_manager, path);
    if (project.ok()) {
      number_ = Text(*project, "projectNumber");
    } else {
      problems.push_back(absl::StrCat(spec_.project, ": ", Message(project.status())));
    }
    Permit(*services_.resource_manager, path, spec_.project, {"bigquery.jobs.create"}, problems);
    Report("project", problems, absl::StrCat(spec_.project, ", number ", number_));
  }

  void CheckTopic(const spec::Topic& topic) {
    Names problems;
    const std::string path = absl::StrCat("/v1/projects/", spec_.project, "/topics/", topic.name);
    const auto found = services_.Ask(*services_.pubsub, path);
    if (!found.ok()) {
      problems.push_back(absl::StrCat(topic.name, ": ", Message(found.status())));
    } else {
      Expect(topic.name, "messageRetentionDuration", Text(*found, "messageRetentionDuration"),
             topic.message_retention_duration
                 ? absl::StrCat(topic.message_retention_duration->count(), "s")
                 : "",
             problems);
      Permit(*services_.pubsub, path, topic.name, {"pubsub.topics.publish"}, problems);
    }
    Report("topic", problems, topic.name);
  }

  static void Expect(const std::string& of, const char* what, const std::string& is,
                     const std::string& wanted, Names& problems) {
    if (is == wanted) return;
    problems.push_back(
        absl::StrCat(of, ": ", what, " is \"", is, "\" and the specification's \"", wanted, "\""));
  }

  // nullopt when it cannot be read, which is a problem then.
  std::optional<json> FindSubscription(const std::string& name, const std::string& topic,
                                       const std::string& filter, bool ordered, Names& problems) {
    const std::string path = absl::StrCat("/v1/projects/", spec_.project, "/subscriptions/", name);
    auto found = services_.Ask(*services_.pubsub, path);
    if (!found.ok()) {
      problems.push_back(absl::StrCat(name, ": ", Message(found.status())));
      return std::nullopt;
    }
    Expect(name, "topic", Text(*found, "topic"),
           absl::StrCat("projects/", spec_.project, "/topics/", topic), problems);
    Expect(name, "filter", Text(*found, "filter"), filter, problems);
    const json& is = Member(*found, "enableMessageOrdering");
    const bool is_ordered = is.is_boolean() && is.get<bool>();
    Expect(name, "enableMessageOrdering", is_ordered ? "true" : "false", ordered ? "true" : "false",
           problems);
    return *std::move(found);
  }

  void CheckSubscription(const spec::Subscription& wanted) {
    Names problems;
    const auto found = FindSubscription(wanted.name, wanted.topic, wanted.filter,
                                        wanted.enable_message_ordering, problems);
    if (found) {
      const json& deadline = Member(*found, "ackDeadlineSeconds");
      const int seconds = deadline.is_number_integer() ? deadline.get<int>() : 0;
      Expect(wanted.name, "ackDeadlineSeconds", std::to_string(seconds),
             std::to_string(wanted.ack_deadline_seconds), problems);
    }
    Report("subscription", problems, wanted.name);
  }

  void CheckFunction(const spec::Function& function) {
    Names problems;
    const std::string name = function.name + "-function";
    const auto found = FindSubscription(name, function.topic, function.filter,
                                        function.enable_message_ordering, problems);
    std::string way = name;
    if (found && Member(*found, "pushConfig").is_object() &&
        !Text(Member(*found, "pushConfig"), "pushEndpoint").empty()) {
      way = CheckPush(name, Member(*found, "pushConfig"), problems);
    } else if (found) {
      way += ": pulled";
      Permit(*services_.pubsub,
             absl::StrCat("/v1/projects/", spec_.project, "/subscriptions/", name), name,
             {"pubsub.subscriptions.consume"}, problems);
    }
    Report("function", problems, way);
  }

  std::string CheckPush(const std::string& name, const json& push, Names& problems) {
    const json& token = Member(push, "oidcToken");
    const std::string audience = Text(token, "audience");
    const std::string account = Text(token, "serviceAccountEmail");
    if (audience.empty() || account.empty()) {
      problems.push_back(absl::StrCat(name, ": pushes have no token (oidcToken): the function ",
                                      "would refuse them"));
    }
    if (!patient_.push_account.empty()) {
      Expect(name, "oidcToken.serviceAccountEmail", account, patient_.push_account, problems);
    }
    return absl::StrCat(name, ": pushed to ", Text(push, "pushEndpoint"), " as ", account, " for ",
                        audience);
  }

  void CheckTables() {
    const roles::SpecCatalog wanted(spec_);
    for (const spec::Dataset& dataset : spec_.datasets) {
      for (const spec::Table& table : dataset.tables) {
        CheckTable(wanted, {spec_.project, dataset.name, table.name});
      }
      const bool fed =
          std::any_of(spec_.functions.begin(), spec_.functions.end(),
                      [&](const spec::Function& f) { return f.dataset == dataset.name; });
      if (fed) CheckTable(wanted, {spec_.project, dataset.name, "dead_letters"});
    }
  }

  void CheckTable(const roles::SpecCatalog& catalog, const warehouse::TableName& name) {
    Names problems;
    const std::string label = absl::StrCat(name.dataset, ".", name.table);
    const std::string path = absl::StrCat("/bigquery/v2/projects/", name.project, "/datasets/",
                                          name.dataset, "/tables/", name.table);
    const auto found = services_.Ask(*services_.bigquery, path);
    absl::StatusOr<warehouse::TableSchema> table = absl::UnknownError("");
    if (found.ok()) {
      table = warehouse::bigquery::ReadTable(*found);
    } else {
      table = found.status();
    }
    const auto wanted = catalog.FindTable(name);
    if (!table.ok()) {
      problems.push_back(absl::StrCat(label, ": ", Message(table.status())));
    } else if (wanted) {
      Compare(label, *table, *wanted, problems);
      Names permissions = {"bigquery.tables.get", "bigquery.tables.getData"};
      if (wanted->function_fed || name.table == "dead_letters") {
        permissions.push_back("bigquery.tables.updateData");
      }
      Permit(*services_.bigquery, path, label, permissions, problems);
    }
    Report("table", problems, label);
  }

  static void Compare(const std::string& label, const warehouse::TableSchema& is,
                      const warehouse::TableSchema& wanted, Names& problems) {
    const auto column_of = [](const std::vector<schema::Column>& columns, const std::string& name) {
      return std::find_if(columns.begin(), columns.end(),
                          [&](const schema::Column& each) { return each.name == name; });
    };
    for (const schema::Column& column : wanted.columns) {
      const auto found = column_of(is.columns, column.name);
      if (found == is.columns.end()) {
        problems.push_back(absl::StrCat(label, ": column ", column.name, " is missing"));
      } else if (found->type != column.type || found->mode != column.mode) {
        problems.push_back(
            absl::StrCat(label, ": column ", column.name, " has another type or mode"));
      }
    }
    for (const schema::Column& column : is.columns) {
      if (column_of(wanted.columns, column.name) == wanted.columns.end()) {
        problems.push_back(
            absl::StrCat(label, ": column ", column.name, " is not in the specification"));
      }
    }
    if (is.partitioning != wanted.partitioning) {
      problems.push_back(absl::StrCat(label, ": its partitioning is another"));
    }
    if (is.clustering != wanted.clustering) {
      problems.push_back(
          absl::StrCat(label, ": it is clustered by [", absl::StrJoin(is.clustering, ", "), "]"));
    }
  }

  // Identity-Aware Proxy writes the project's number into its assertions.
  void CheckAssertion() {
    Names problems;
    std::string audience;
    if (!spec_.access || !spec_.access->assertion) {
      problems.push_back("access.assertion is missing: the API would not start beyond loopback");
    } else {
      audience = spec_.access->assertion->audience;
      const std::string prefix = absl::StrCat("/projects/", number_, "/");
      if (!number_.empty() && !absl::StartsWith(audience, prefix)) {
        problems.push_back(absl::StrCat("access.assertion.audience is ", audience,
                                        " and the proxy's begin with ", prefix,
                                        ": the API would refuse every caller"));
      }
    }
    Report("audience", problems, audience);
  }

  const spec::Spec& spec_;
  const CloudPatient& patient_;
  Services& services_;
  std::string number_;  // the project's; empty: not known
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> ExamineCloud(const spec::Spec& spec, const CloudPatient& patient) {
  auto services = Services::Dial(patient);
  absl::Status authenticated = services.status();
  if (authenticated.ok()) authenticated = (*services)->Authenticate();
  if (!authenticated.ok()) {
    return {{"credentials", Verdict::kBad, Message(authenticated)}};
  }
  std::vector<Finding> findings = CloudDoctor(spec, patient, **services).Examine();
  findings.insert(findings.begin(), Finding{"credentials", Verdict::kGood, "found"});
  return findings;
}

}  // namespace afluente::cli
