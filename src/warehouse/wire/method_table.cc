#include <cctype>

#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

#define DATASETS "/projects/{projectId}/datasets"
#define DATASET DATASETS "/{datasetId}"
#define TABLE DATASET "/tables/{tableId}"
#define ROUTINE DATASET "/routines/{routineId}"
#define JOBS "/projects/{projectId}/jobs"

// The resource and the method of "bigquery.tables.get".
std::pair<std::string, std::string> NameOf(const MethodEntry& entry) {
  const std::string id = entry.id;
  const size_t first = id.find('.');
  const size_t last = id.rfind('.');
  return {id.substr(first + 1, last - first - 1), id.substr(last + 1)};
}

json ParametersOf(const std::string& path) {
  json parameters = json::object();
  size_t from = 0;
  while ((from = path.find('{', from)) != std::string::npos) {
    const size_t to = path.find('}', from);
    parameters[path.substr(from + 1, to - from - 1)] = {
        {"type", "string"}, {"location", "path"}, {"required", true}};
    from = to;
  }
  return parameters;
}

// Discovery documents write a path's parameters as "{+name}".
std::string TemplateOf(const std::string& path) {
  std::string out;
  for (char c : path.substr(1)) {
    out += c;
    if (c == '{') out += '+';
  }
  return out;
}

json QueryParameter(const char* type, bool repeated = false) {
  json out = {{"type", type}, {"location", "query"}};
  if (repeated) out["repeated"] = true;
  return out;
}

void AddQueryParameters(const std::string& id, json& parameters) {
  const bool lists = id.ends_with(".list") || id.ends_with("getQueryResults");
  if (lists) {
    parameters["maxResults"] = QueryParameter("integer");
    parameters["pageToken"] = QueryParameter("string");
  }
  if (id.ends_with("tabledata.list") || id.ends_with("getQueryResults")) {
    parameters["startIndex"] = QueryParameter("string");
    parameters["formatOptions.useInt64Timestamp"] = QueryParameter("boolean");
    parameters["formatOptions.timestampOutputFormat"] = QueryParameter("string");
  }
  if (id.ends_with("tabledata.list")) parameters["selectedFields"] = QueryParameter("string");
  if (id.ends_with("getQueryResults")) parameters["timeoutMs"] = QueryParameter("integer");
  if (id.find(".jobs.") != std::string::npos) parameters["location"] = QueryParameter("string");
  // Of policies with conditions, which the specification's `access:` does not have.
  if (id.find(".datasets.") != std::string::npos)
    parameters["accessPolicyVersion"] = QueryParameter("integer");
  if (id.ends_with("tables.update") || id.ends_with("tables.patch"))
    parameters["autodetect_schema"] = QueryParameter("boolean");
  if (id.ends_with("datasets.delete")) parameters["deleteContents"] = QueryParameter("boolean");
  if (id.ends_with("datasets.list")) {
    parameters["all"] = QueryParameter("boolean");
    parameters["filter"] = QueryParameter("string");
  }
  if (id.ends_with("routines.list")) {
    parameters["filter"] = QueryParameter("string");
    parameters["readMask"] = QueryParameter("string");
  }
  if (!id.ends_with("jobs.list")) return;
  parameters["stateFilter"] = QueryParameter("string", true);
  parameters["projection"] = QueryParameter("string");
  parameters["allUsers"] = QueryParameter("boolean");
  parameters["minCreationTime"] = QueryParameter("string");
  parameters["maxCreationTime"] = QueryParameter("string");
  parameters["parentJobId"] = QueryParameter("string");
}

json MethodDocument(const MethodEntry& entry) {
  json parameters = ParametersOf(entry.path);
  json order = json::array();
  for (const auto& [name, parameter] : parameters.items()) order.push_back(name);
  AddQueryParameters(entry.id, parameters);
  json out = {{"id", entry.id},
              {"path", TemplateOf(entry.path)},
              {"flatPath", std::string(entry.path).substr(1)},
              {"httpMethod", entry.verb},
              {"description", entry.about},
              {"parameters", std::move(parameters)},
              {"parameterOrder", std::move(order)},
              {"response", {{"$ref", "Resource"}}}};
  const std::string verb = entry.verb;
  if (verb != "GET" && verb != "DELETE") out["request"] = {{"$ref", "Resource"}};
  if (std::string(entry.id) == "bigquery.jobs.insert") {
    out["supportsMediaUpload"] = true;
    out["mediaUpload"] = {
        {"accept", {"*/*"}},
        {"protocols",
         {{"simple", {{"multipart", true}, {"path", "/upload/bigquery/v2" JOBS}}},
          {"resumable", {{"multipart", true}, {"path", "/upload/bigquery/v2" JOBS}}}}}};
  }
  return out;
}

}  // namespace

const std::vector<MethodEntry>& AllMethods() {
  static const std::vector<MethodEntry> kMethods = {
      {"bigquery.projects.list", "GET", "/projects", "Lists the project served.", ProjectsList},
      {"bigquery.projects.getServiceAccount", "GET", "/projects/{projectId}/serviceAccount",
       "Names the project's service account.", ProjectsGetServiceAccount},
      {"bigquery.datasets.list", "GET", DATASETS, "Lists a project's datasets.", DatasetsList},
      {"bigquery.datasets.insert", "POST", DATASETS, "Makes an empty dataset.", DatasetsInsert},
      {"bigquery.datasets.get", "GET", DATASET, "Gets a dataset.", DatasetsGet},
      {"bigquery.datasets.patch", "PATCH", DATASET, "Changes what is given of a dataset.",
       DatasetsPatch},
      {"bigquery.datasets.update", "PUT", DATASET, "Replaces a dataset's properties.",
       DatasetsUpdate},
      {"bigquery.datasets.delete", "DELETE", DATASET, "Deletes a dataset.", DatasetsDelete},
      {"bigquery.tables.list", "GET", DATASET "/tables", "Lists a dataset's tables.", TablesList},
      {"bigquery.tables.insert", "POST", DATASET "/tables", "Makes an empty table or a view.",
       TablesInsert},
      {"bigquery.tables.get", "GET", TABLE, "Gets a table without its rows.", TablesGet},
      {"bigquery.tables.patch", "PATCH", TABLE, "Changes what is given of a table.", TablesPatch},
      {"bigquery.tables.update", "PUT", TABLE, "Replaces a table's properties.", TablesUpdate},
      {"bigquery.tables.delete", "DELETE", TABLE, "Deletes a table and its rows.", TablesDelete},
      {"bigquery.tabledata.list", "GET", TABLE "/data", "Reads rows of a table.", TabledataList},
      {"bigquery.tabledata.insertAll", "POST", TABLE "/insertAll", "Stores rows one by one.",
       TabledataInsertAll},
      {"bigquery.jobs.list", "GET", JOBS, "Lists jobs, the newest first.", JobsList},
      {"bigquery.jobs.insert", "POST", JOBS, "Starts a job.", JobsInsert},
      {"bigquery.jobs.get", "GET", JOBS "/{jobId}", "Gets a job.", JobsGet},
      {"bigquery.jobs.cancel", "POST", JOBS "/{jobId}/cancel", "Asks a job to stop.", JobsCancel},
      {"bigquery.jobs.delete", "DELETE", JOBS "/{jobId}/delete", "Forgets a job that is done.",
       JobsDelete},
      {"bigquery.jobs.query", "POST", "/projects/{projectId}/queries",
       "Runs a query and waits for a while.", nullptr, JobsQuery},
      {"bigquery.jobs.getQueryResults", "GET", "/projects/{projectId}/queries/{jobId}",
       "Gets a query's rows.", nullptr, JobsGetQueryResults},
      {"bigquery.routines.list", "GET", DATASET "/routines", "Lists routines.", RoutinesList},
      {"bigquery.routines.insert", "POST", DATASET "/routines", "Makes a function or procedure.",
       RoutinesInsert},
      {"bigquery.routines.get", "GET", ROUTINE, "Gets a routine.", RoutinesGet},
      {"bigquery.routines.update", "PUT", ROUTINE, "Replaces a routine.", RoutinesUpdate},
      {"bigquery.routines.delete", "DELETE", ROUTINE, "Deletes a routine.", RoutinesDelete},
      {"bigquery.models.list", "GET", DATASET "/models", "Lists models: there are none.",
       ModelsList},
      {"bigquery.models.get", "GET", DATASET "/models/{modelId}", "Gets a model: there are none.",
       ModelsGet},
  };
  return kMethods;
}

json DiscoveryDocument(const std::string& root_url) {
  json document = {{"kind", "discovery#restDescription"},
                   {"discoveryVersion", "v1"},
                   {"id", "bigquery:v2"},
                   {"name", "bigquery"},
                   {"version", "v2"},
                   {"title", "BigQuery API, served by Afluente"},
                   {"protocol", "rest"},
                   {"rootUrl", root_url},
                   {"baseUrl", root_url + "bigquery/v2/"},
                   {"basePath", "/bigquery/v2/"},
                   {"servicePath", "bigquery/v2/"},
                   {"batchPath", "batch/bigquery/v2"}};
  document["parameters"] = {{"fields", QueryParameter("string")},
                            {"prettyPrint", QueryParameter("boolean")},
                            {"alt", QueryParameter("string")},
                            {"key", QueryParameter("string")},
                            {"quotaUser", QueryParameter("string")}};
  document["schemas"] = {
      {"Resource",
       {{"id", "Resource"}, {"type", "object"}, {"additionalProperties", {{"type", "any"}}}}}};
  for (const MethodEntry& entry : AllMethods()) {
    const auto [resource, method] = NameOf(entry);
    document["resources"][resource]["methods"][method] = MethodDocument(entry);
  }
  return document;
}

}  // namespace afluente::warehouse::wire
