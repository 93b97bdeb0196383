// EmbeddedBroker's schemas, and what a publish has to do with them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/embedded_broker.h"
#include "broker/errors.h"
#include "broker/limits.h"
#include "broker/listing.h"
#include "broker/recorder.h"
#include "broker/schema_revision.h"
#include "broker/schema_table.h"
#include "broker/state.h"
#include "broker/topic.h"
#include "host/check.h"
#include "host/random.h"

namespace afluente::broker {
namespace {

constexpr size_t kRevisionIdBytes = 4;  // in hexadecimal

// "projects/P/schemas/S" or "projects/P/schemas/S@REVISION".
std::pair<std::string, std::string> SplitRevision(std::string_view name) {
  size_t at = name.find('@');
  if (at == std::string_view::npos) return {std::string(name), ""};
  return {std::string(name.substr(0, at)), std::string(name.substr(at + 1))};
}

}  // namespace

absl::StatusOr<SchemaRevision> EmbeddedBroker::CreateSchema(SchemaRevision schema) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchema(schema));
  AFLUENTE_RETURN_IF_ERROR(
      schema::MessageSchema::Compile(schema.language, schema.definition).status());
  if (state_->schemas().Find(schema.name)) return ResourceExists(schema.name);
  schema.revision_id = host::RandomHex(kRevisionIdBytes);
  schema.revision_create_time = clock_.Now();
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, CreateSchemaRecord{schema}));
  return schema;
}

absl::StatusOr<SchemaRevision> EmbeddedBroker::GetSchema(std::string_view full_name) const {
  auto [name, revision_id] = SplitRevision(full_name);
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(name));
  SchemaTable::Shared history = state_->schemas().Find(name);
  std::optional<SchemaRevision> found;
  if (history) found = history->Find(revision_id);
  if (!found) return ResourceNotFound(full_name);
  return *std::move(found);
}

absl::StatusOr<Page<SchemaRevision>> EmbeddedBroker::ListSchemas(
    std::string_view project, size_t page_size, std::string_view page_token) const {
  AFLUENTE_ASSIGN_OR_RETURN(std::string prefix, ProjectPrefix(project, page_token));
  return state_->schemas().List(prefix, PageSize(page_size), page_token);
}

absl::StatusOr<Page<SchemaRevision>> EmbeddedBroker::ListSchemaRevisions(
    std::string_view name, size_t page_size, std::string_view page_token) const {
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(name));
  SchemaTable::Shared history = state_->schemas().Find(name);
  if (!history) return ResourceNotFound(name);
  std::vector<SchemaRevision> newest_first = history->Revisions();
  // The token is the last revision of the page before.
  auto it = newest_first.begin();
  if (!page_token.empty()) {
    it = std::find_if(it, newest_first.end(),
                      [&](const auto& each) { return each.revision_id == page_token; });
    if (it == newest_first.end()) return absl::InvalidArgumentError("Invalid page_token.");
    ++it;
  }
  Page<SchemaRevision> page;
  auto size =
      std::min<ptrdiff_t>(newest_first.end() - it, static_cast<ptrdiff_t>(PageSize(page_size)));
  page.items.assign(it, it + size);
  if (it + size != newest_first.end()) page.next_page_token = page.items.back().revision_id;
  return page;
}

absl::StatusOr<SchemaRevision> EmbeddedBroker::CommitSchema(SchemaRevision schema) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchema(schema));
  AFLUENTE_ASSIGN_OR_RETURN(auto compiled,
                            schema::MessageSchema::Compile(schema.language, schema.definition));
  SchemaTable::Shared history = state_->schemas().Find(schema.name);
  if (!history) return ResourceNotFound(schema.name);
  std::optional<SchemaRevision> latest = history->Find("");
  if (latest && latest->language == schema.language) {
    AFLUENTE_ASSIGN_OR_RETURN(auto earlier, history->Compiled(latest->revision_id));
    AFLUENTE_RETURN_IF_ERROR(compiled->CheckRevises(*earlier));
  }
  return RecordRevision(std::move(schema));
}

absl::StatusOr<SchemaRevision> EmbeddedBroker::RollbackSchema(std::string_view name,
                                                              std::string_view revision_id) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(name));
  if (revision_id.empty()) return absl::InvalidArgumentError("revision_id must be set.");
  AFLUENTE_ASSIGN_OR_RETURN(
      SchemaRevision revision,
      GetSchema(absl::StrCat(std::string(name), "@", std::string(revision_id))));
  return RecordRevision(std::move(revision));
}

absl::StatusOr<SchemaRevision> EmbeddedBroker::RecordRevision(SchemaRevision revision) {
  revision.revision_id = host::RandomHex(kRevisionIdBytes);
  revision.revision_create_time = clock_.Now();
  AFLUENTE_RETURN_IF_ERROR(AppendAndWait(*recorder_, CommitSchemaRecord{revision}));
  return revision;
}

absl::StatusOr<SchemaRevision> EmbeddedBroker::DeleteSchemaRevision(std::string_view full_name) {
  auto [name, revision_id] = SplitRevision(full_name);
  if (revision_id.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The name must hold a revision, as projects/P/schemas/S@REVISION (name=", name, ")."));
  }
  AFLUENTE_RETURN_IF_ERROR(GetSchema(full_name).status());
  AFLUENTE_RETURN_IF_ERROR(
      AppendAndWait(*recorder_, DeleteSchemaRevisionRecord{name, revision_id}));
  return GetSchema(name);
}

absl::Status EmbeddedBroker::DeleteSchema(std::string_view name) {
  AFLUENTE_RETURN_IF_ERROR(CheckSchemaName(name));
  if (!state_->schemas().Find(name)) return ResourceNotFound(name);
  return AppendAndWait(*recorder_, DeleteSchemaRecord{std::string(name)});
}

}  // namespace afluente::broker
