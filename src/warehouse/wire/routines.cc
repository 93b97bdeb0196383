#include <algorithm>

#include "host/check.h"
#include "schema/text.h"
#include "warehouse/catalog.h"
#include "warehouse/routine_catalog.h"
#include "warehouse/table_writer.h"
#include "warehouse/wire/context.h"
#include "warehouse/wire/routine_resource.h"

namespace afluente::warehouse::wire {
namespace {

using schema::Concat;
using RoutinePtr = std::shared_ptr<const Routine>;

constexpr size_t kNameMax = 256;
constexpr char kTypeFilter[] = "routineType:";

json Resource(const Routine& routine) {
  json out = RoutineToJson(routine);
  out["etag"] = TagOf(out);
  return out;
}

TableName NameOf(const Call& call) {
  return {call.Path("projectId"), call.Path("datasetId"), call.Path("routineId")};
}

absl::StatusOr<RoutinePtr> Find(const Context& context, const TableName& name) {
  RoutinePtr found;
  if (context.routines != nullptr) found = context.routines->Listing()->FindRoutine(name);
  if (found != nullptr) return found;
  return absl::NotFoundError(
      Concat("Not found: Routine ", name.project, ":", name.dataset, ".", name.table));
}

absl::StatusOr<Answer> Found(const Context& context, const TableName& name) {
  AFLUENTE_ASSIGN_OR_RETURN(const RoutinePtr routine, Find(context, name));
  Answer answer;
  answer.body = Resource(*routine);
  answer.etag = answer.body["etag"].get<std::string>();
  return answer;
}

// The writer takes one statement alone: a body cannot bring others along.
absl::Status RunAlone(Context& context, const std::string& text, const std::string& project) {
  const auto nothing = [](std::optional<int64_t>) { return std::vector<RecordChange>(); };
  const absl::Status ran = context.writer.Run({text, project, ""}, {}, {}, nothing).status();
  return absl::IsInvalidArgument(ran) ? WithReason(ran, "invalidQuery") : ran;
}

absl::Status CheckName(const std::string& name) {
  const bool fits =
      !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
        return schema::IsAlpha(c) || schema::IsDigit(c) || c == '_';
      });
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Concat("Invalid routine ID \"", name.substr(0, kNameMax),
             "\". Routine IDs must be alphanumeric (plus underscores), at most 256 characters"));
}

}  // namespace

absl::StatusOr<Answer> RoutinesList(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckDataset(context, call, Use::kRead));
  AFLUENTE_ASSIGN_OR_RETURN(const Page page, PageOf(call));
  const std::string filter = call.Query("filter").value_or("");
  if (!filter.empty() && !filter.starts_with(kTypeFilter)) {
    return absl::InvalidArgumentError("Invalid value for filter: it is routineType:TYPE");
  }
  const bool whole = call.Query("readMask").has_value();
  Answer answer;
  answer.body["routines"] = json::array();
  if (context.routines == nullptr) return answer;
  const auto listing = context.routines->Listing();
  uint64_t index = 0;
  for (const RoutinePtr& routine :
       listing->Routines(call.Path("projectId"), call.Path("datasetId"))) {
    json resource = Resource(*routine);
    const std::string type = resource["routineType"].get<std::string>();
    if (!filter.empty() && filter != Concat(kTypeFilter, type)) continue;
    if (index++ < page.start) continue;
    if (answer.body["routines"].size() >= page.rows_max) {
      answer.body["nextPageToken"] = PageToken(page.start + page.rows_max);
      break;
    }
    // What a list tells unless it is asked for more.
    if (!whole) {
      for (const char* key : {"definitionBody", "arguments", "returnType"}) {
        resource.erase(key);
      }
    }
    answer.body["routines"].push_back(std::move(resource));
  }
  return answer;
}

absl::StatusOr<Answer> RoutinesGet(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckDataset(context, call, Use::kRead));
  return Found(context, NameOf(call));
}

absl::StatusOr<Answer> RoutinesInsert(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckDataset(context, call, Use::kWrite));
  TableName name = NameOf(call);
  name.table = jobs::TextOf(jobs::ObjectOf(call.body, "routineReference"), "routineId");
  AFLUENTE_RETURN_IF_ERROR(CheckName(name.table));
  AFLUENTE_ASSIGN_OR_RETURN(const std::string text, CreateStatementOf(call.body, name, false));
  AFLUENTE_RETURN_IF_ERROR(RunAlone(context, text, name.project));
  return Found(context, name);
}

absl::StatusOr<Answer> RoutinesUpdate(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckDataset(context, call, Use::kWrite));
  const TableName name = NameOf(call);
  AFLUENTE_ASSIGN_OR_RETURN(const Answer before, Found(context, name));
  const std::string* match = call.request.headers.Find("If-Match");
  if (match != nullptr && *match != "*" && match->find(before.etag) == std::string::npos) {
    return WithReason(absl::FailedPreconditionError("Precondition Failed"), "conditionNotMet");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const std::string text, CreateStatementOf(call.body, name, true));
  AFLUENTE_RETURN_IF_ERROR(RunAlone(context, text, name.project));
  return Found(context, name);
}

absl::StatusOr<Answer> RoutinesDelete(Context& context, Call& call) {
  AFLUENTE_RETURN_IF_ERROR(CheckDataset(context, call, Use::kWrite));
  const TableName name = NameOf(call);
  AFLUENTE_RETURN_IF_ERROR(CheckName(name.table));
  AFLUENTE_ASSIGN_OR_RETURN(const RoutinePtr routine, Find(context, name));
  const char* kind = routine->kind == RoutineKind::kProcedure       ? "PROCEDURE"
                     : routine->kind == RoutineKind::kTableFunction ? "TABLE FUNCTION"
                                                                    : "FUNCTION";
  AFLUENTE_RETURN_IF_ERROR(RunAlone(
      context, Concat("DROP ", kind, " `", name.project, "`.`", name.dataset, "`.", name.table),
      name.project));
  Answer answer;
  answer.status = 204;
  return answer;
}

}  // namespace afluente::warehouse::wire
