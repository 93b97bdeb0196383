#include "schema/text.h"
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

absl::StatusOr<Answer> ModelsList(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call, Use::kRead); !found.ok()) return found;
  Answer answer;
  answer.body["models"] = json::array();
  return answer;
}

absl::StatusOr<Answer> ModelsGet(Context& context, Call& call) {
  if (absl::Status found = CheckDataset(context, call, Use::kRead); !found.ok()) return found;
  return absl::NotFoundError(Concat("Not found: Model ", call.Path("projectId"), ":",
                                    call.Path("datasetId"), ".", call.Path("modelId")));
}

}  // namespace afluente::warehouse::wire
