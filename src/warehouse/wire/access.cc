#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_configuration.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/job_store.h"
#include "warehouse/jobs/query_parameters.h"
#include "warehouse/warehouse.h"
#include "warehouse/wire/context.h"

namespace afluente::warehouse::wire {

absl::Status CheckUse(const Context& context, const Call& call, Use use,
                      const std::string& dataset) {
  return context.may_use == nullptr ? absl::OkStatus() : context.may_use(call.caller, use, dataset);
}

absl::Status CheckDataset(const Context& context, const Call& call, Use use) {
  const std::string& dataset = call.Path("datasetId");
  AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, use, dataset));
  if (context.catalog.HasDataset(call.Path("projectId"), dataset)) return absl::OkStatus();
  return absl::NotFoundError(
      schema::Concat("Not found: Dataset ", call.Path("projectId"), ":", dataset));
}

absl::Status CheckJob(const Context& context, const Call& call, const jobs::Job& job) {
  if (context.may_use == nullptr || job.user_email == call.caller.email) return absl::OkStatus();
  return CheckUse(context, call, Use::kAdminister, "");
}

absl::Status CheckResult(Context& context, const Call& call, const TableName& table) {
  if (context.may_use == nullptr) return absl::OkStatus();
  const std::string prefix = schema::Concat("anon_", table.project, "_");
  std::optional<jobs::Job> job;
  if (table.table.starts_with(prefix)) {
    job = context.runner.store().Find(table.project, table.table.substr(prefix.size()));
  }
  return job ? CheckJob(context, call, *job) : CheckUse(context, call, Use::kAdminister, "");
}

absl::Status CheckStatement(Context& context, const Call& call, const json& query,
                            const std::string& project) {
  if (context.may_use == nullptr) return absl::OkStatus();
  if (jobs::IsScript(jobs::TextOf(query, "query"))) {
    // What a script will touch is known only when it runs.
    return CheckUse(context, call, Use::kAdminister, "");
  }
  AFLUENTE_ASSIGN_OR_RETURN(
      const jobs::BoundQuery bound,
      jobs::BindQuery(jobs::TextOf(query, "query"), jobs::ObjectOrArray(query, "queryParameters"),
                      jobs::TextOf(query, "parameterMode")));
  const json& dataset = jobs::ObjectOf(query, "defaultDataset");
  auto facts = context.warehouse.Describe(
      {bound.text, jobs::TextOf(dataset, "projectId", project), jobs::TextOf(dataset, "datasetId")},
      bound.parameters);
  if (absl::IsInvalidArgument(facts.status())) return WithReason(facts.status(), "invalidQuery");
  AFLUENTE_RETURN_IF_ERROR(facts.status());
  for (const TableName& table : facts->tables_read) {
    // As the jobs themselves: those of others are an administrator's to see.
    const bool jobs = table.dataset == "INFORMATION_SCHEMA";
    AFLUENTE_RETURN_IF_ERROR(
        CheckUse(context, call, jobs ? Use::kAdminister : Use::kRead, jobs ? "" : table.dataset));
  }
  for (const TableName& table : facts->tables_written) {
    AFLUENTE_RETURN_IF_ERROR(CheckUse(context, call, Use::kWrite, table.dataset));
  }
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::wire
