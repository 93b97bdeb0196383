#include "host/check.h"
#include "schema/text.h"
#include "warehouse/catalog.h"
#include "warehouse/jobs/schema_resource.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {
namespace {

using jobs::Member;
using schema::Concat;

absl::Status Missing(const std::string& project, const std::string& dataset) {
  return absl::NotFoundError(Concat("Not found: Dataset ", project, ":", dataset));
}

json Resource(const Dataset& dataset) {
  json out = {
      {"kind", "bigquery#dataset"},
      {"id", Concat(dataset.project, ":", dataset.dataset)},
      {"datasetReference", {{"projectId", dataset.project}, {"datasetId", dataset.dataset}}},
      {"location", dataset.location},
      {"type", "DEFAULT"},
      {"creationTime", std::to_string(dataset.created_ms)},
      {"lastModifiedTime", std::to_string(dataset.modified_ms)}};
  if (!dataset.friendly_name.empty()) out["friendlyName"] = dataset.friendly_name;
  if (!dataset.description.empty()) out["description"] = dataset.description;
  if (!dataset.labels.empty()) out["labels"] = jobs::LabelsToJson(dataset.labels);
  if (dataset.default_table_expiration_ms) {
    out["defaultTableExpirationMs"] = std::to_string(*dataset.default_table_expiration_ms);
  }
  out["access"] = json::array();
  out["etag"] = TagOf(out);
  return out;
}

absl::Status RefuseUnsupported(const json& body) {
  for (const char* key : {"defaultPartitionExpirationMs", "defaultEncryptionConfiguration",
                          "externalDatasetReference", "linkedDatasetSource", "defaultCollation",
                          "isCaseInsensitive", "resourceTags"}) {
    const json* given = Member(body, key);
    const bool set = given != nullptr && *given != false && *given != "" && *given != "0";
    if (set) return absl::UnimplementedError(Concat(key, " of a dataset is not supported"));
  }
  const json* access = Member(body, "access");
  if (access != nullptr && access->is_array() && !access->empty()) {
    return absl::UnimplementedError(
        "access of a dataset is not supported: the specification's access: decides");
  }
  return absl::OkStatus();
}

// Members that are given; `whole` takes those that are not as empty.
absl::Status Apply(const json& body, bool whole, Dataset& dataset) {
  AFLUENTE_RETURN_IF_ERROR(RefuseUnsupported(body));
  auto given = [&](const char* key) { return whole || body.contains(key); };
  if (given("friendlyName")) dataset.friendly_name = jobs::TextOf(body, "friendlyName");
  if (given("description")) dataset.description = jobs::TextOf(body, "description");
  if (given("defaultTableExpirationMs")) {
    dataset.default_table_expiration_ms = jobs::IntOf(body, "defaultTableExpirationMs");
    const auto& ms = dataset.default_table_expiration_ms;
    if (ms && *ms < 3'600'000) {
      return absl::InvalidArgumentError("defaultTableExpirationMs is at least one hour");
    }
  }
  if (whole) dataset.labels.clear();
  if (const json* labels = Member(body, "labels")) {
    AFLUENTE_ASSIGN_OR_RETURN(Labels wanted, jobs::LabelsFromJson(*labels));
    json merged = jobs::LabelsToJson(dataset.labels);
    merged.merge_patch(*labels);
    AFLUENTE_ASSIGN_OR_RETURN(dataset.labels, jobs::LabelsFromJson(merged));
  }
  return absl::OkStatus();
}

Answer Found(const Dataset& dataset) {
  Answer answer;
  answer.body = Resource(dataset);
  answer.etag = answer.body["etag"].get<std::string>();
  return answer;
}

absl::StatusOr<Answer> Change(Context& context, Call& call, bool whole) {
  const std::string& name = call.Path("datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, name));
  std::optional<Dataset> dataset = context.catalog.FindDataset(call.Path("projectId"), name);
  if (!dataset) return Missing(call.Path("projectId"), name);
  const std::string* match = call.request.headers.Find("If-Match");
  const std::string tag = Found(*dataset).etag;
  if (match != nullptr && *match != "*" && match->find(tag) == std::string::npos) {
    return WithReason(absl::FailedPreconditionError("Precondition Failed"), "conditionNotMet");
  }
  AFLUENTE_RETURN_IF_ERROR(Apply(call.body, whole, *dataset));
  AFLUENTE_RETURN_IF_ERROR(context.catalog.UpdateDataset(*dataset));
  return Found(*context.catalog.FindDataset(dataset->project, dataset->dataset));
}

}  // namespace

absl::StatusOr<Answer> DatasetsInsert(Context& context, Call& call) {
  const json& reference = jobs::ObjectOf(call.body, "datasetReference");
  Dataset dataset;
  dataset.project = jobs::TextOf(reference, "projectId", call.Path("projectId"));
  dataset.dataset = jobs::TextOf(reference, "datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, dataset.dataset));
  dataset.location = jobs::TextOf(call.body, "location", "US");
  json body = call.body;
  // The owner that clients put in is whoever may write here.
  AFLUENTE_RETURN_IF_ERROR(Apply(body, true, dataset));
  AFLUENTE_RETURN_IF_ERROR(context.catalog.CreateDataset(dataset));
  return Found(*context.catalog.FindDataset(dataset.project, dataset.dataset));
}

absl::StatusOr<Answer> DatasetsGet(Context& context, Call& call) {
  const std::string& name = call.Path("datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kRead, name));
  const std::optional<Dataset> dataset = context.catalog.FindDataset(call.Path("projectId"), name);
  if (!dataset) return Missing(call.Path("projectId"), name);
  return Found(*dataset);
}

absl::StatusOr<Answer> DatasetsList(Context& context, Call& call) {
  AFLUENTE_ASSIGN_OR_RETURN(const Page page, PageOf(call));
  const std::string& project = call.Path("projectId");
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            context.catalog.ListDatasets(project));
  const std::string filter = call.Query("filter").value_or("");
  Answer answer;
  answer.body = {{"kind", "bigquery#datasetList"}};
  uint64_t index = 0;
  uint64_t listed = 0;
  for (const std::string& name : names) {
    if (!CheckUse(context, call, Use::kRead, name).ok()) continue;
    const std::optional<Dataset> dataset = context.catalog.FindDataset(project, name);
    if (!dataset) continue;
    // "labels.key" or "labels.key:value".
    if (filter.starts_with("labels.")) {
      const size_t colon = filter.find(':');
      const std::string key = filter.substr(7, colon == std::string::npos ? colon : colon - 7);
      bool matches = false;
      for (const auto& [label, value] : dataset->labels) {
        const bool equal = colon == std::string::npos || value == filter.substr(colon + 1);
        matches = matches || (label == key && equal);
      }
      if (!matches) continue;
    } else if (!filter.empty()) {
      return absl::InvalidArgumentError("Invalid value for filter: it is labels.KEY[:VALUE]");
    }
    if (index++ < page.start) continue;
    if (listed++ >= page.rows_max) {
      answer.body["nextPageToken"] = PageToken(page.start + page.rows_max);
      break;
    }
    json full = Resource(*dataset);
    json item;
    for (const char* key : {"id", "datasetReference", "labels", "friendlyName", "location"}) {
      if (full.contains(key)) item[key] = full[key];
    }
    item["kind"] = "bigquery#dataset";
    answer.body["datasets"].push_back(std::move(item));
  }
  answer.body["etag"] = TagOf(answer.body);
  return answer;
}

absl::StatusOr<Answer> DatasetsPatch(Context& context, Call& call) {
  return Change(context, call, false);
}

absl::StatusOr<Answer> DatasetsUpdate(Context& context, Call& call) {
  return Change(context, call, true);
}

absl::StatusOr<Answer> DatasetsDelete(Context& context, Call& call) {
  const std::string& name = call.Path("datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, name));
  const absl::Status dropped =
      context.catalog.DropDataset(call.Path("projectId"), name, call.QueryFlag("deleteContents"));
  if (absl::IsFailedPrecondition(dropped)) return WithReason(dropped, "resourceInUse");
  AFLUENTE_RETURN_IF_ERROR(dropped);
  Answer answer;
  answer.status = 204;
  return answer;
}

}  // namespace afluente::warehouse::wire
