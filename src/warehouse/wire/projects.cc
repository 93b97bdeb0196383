#include "schema/text.h"
#include "warehouse/catalog.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {

using schema::Concat;

absl::StatusOr<Answer> ProjectsList(Context& context, Call&) {
  Answer answer;
  json project = {{"kind", "bigquery#project"},
                  {"id", context.project},
                  {"numericId", "0"},
                  {"friendlyName", context.project},
                  {"projectReference", {{"projectId", context.project}}}};
  answer.body = {{"kind", "bigquery#projectList"}, {"totalItems", 1}};
  answer.body["projects"].push_back(std::move(project));
  answer.body["etag"] = TagOf(answer.body);
  return answer;
}

absl::StatusOr<Answer> ProjectsGetServiceAccount(Context&, Call& call) {
  Answer answer;
  answer.body = {{"kind", "bigquery#getServiceAccountResponse"},
                 {"email", Concat("bq-0@", call.Path("projectId"), ".localhost")}};
  return answer;
}

namespace {

absl::Status CheckDataset(Context& context, const Call& call) {
  const std::string& dataset = call.Path("datasetId");
  if (absl::Status allowed = CheckUse(context, call, Use::kRead, dataset); !allowed.ok()) {
    return allowed;
  }
  if (context.catalog.HasDataset(call.Path("projectId"), dataset)) return absl::OkStatus();
  return absl::NotFoundError(Concat("Not found: Dataset ", call.Path("projectId"), ":", dataset));
}

}  // namespace

absl::StatusOr<Answer> RoutinesList(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call); !found.ok()) return found;
  Answer answer;
  answer.body["routines"] = json::array();
  return answer;
}

absl::StatusOr<Answer> RoutinesUnsupported(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call); !found.ok()) return found;
  if (call.request.method == "POST") {
    return absl::UnimplementedError("routines.insert is not supported: use CREATE FUNCTION");
  }
  return absl::NotFoundError(Concat("Not found: Routine ", call.Path("projectId"), ":",
                                    call.Path("datasetId"), ".", call.Path("routineId")));
}

absl::StatusOr<Answer> ModelsList(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call); !found.ok()) return found;
  Answer answer;
  answer.body["models"] = json::array();
  return answer;
}

absl::StatusOr<Answer> ModelsGet(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call); !found.ok()) return found;
  return absl::NotFoundError(Concat("Not found: Model ", call.Path("projectId"), ":",
                                    call.Path("datasetId"), ".", call.Path("modelId")));
}

}  // namespace afluente::warehouse::wire
