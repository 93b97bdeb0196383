#include "broker/schema_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/errors.h"
#include "broker/listing.h"

namespace afluente::broker {
namespace {

constexpr size_t kRevisionsMax = 20;  // "Resource limits" in Google's documentation

absl::Status NoRevision(std::string_view name, std::string_view id) {
  return ResourceNotFound(absl::StrCat(std::string(name), "@", std::string(id)));
}

// Where a revision stands in a list, `otherwise` for an empty id; the list's size when nowhere.
size_t PositionOf(const std::vector<SchemaRevision>& revisions, const std::string& id,
                  size_t otherwise) {
  if (id.empty()) return otherwise;
  auto found = std::find_if(revisions.begin(), revisions.end(),
                            [&](const SchemaRevision& each) { return each.revision_id == id; });
  return static_cast<size_t>(found - revisions.begin());
}

}  // namespace

absl::Status SchemaTable::Create(const SchemaRevision& revision) {
  auto history = std::make_shared<SchemaHistory>(revision.name);
  history->Add(revision);
  absl::MutexLock lock(&mutex_);
  bool fresh = schemas_.emplace(revision.name, std::move(history)).second;
  return fresh ? absl::OkStatus() : ResourceExists(revision.name);
}

absl::Status SchemaTable::Commit(const SchemaRevision& revision) {
  std::shared_ptr<SchemaHistory> history = FindMutable(revision.name);
  if (!history) return ResourceNotFound(revision.name);
  if (history->Revisions().size() >= kRevisionsMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("The schema has ", kRevisionsMax,
                     " revisions, and may have no more (resource=", revision.name, ")."));
  }
  if (history->Find("")->language != revision.language) {
    return absl::InvalidArgumentError(absl::StrCat(
        "A revision cannot change the type of its schema (resource=", revision.name, ")."));
  }
  if (history->Find(revision.revision_id))
    return ResourceExists(absl::StrCat(revision.name, "@", revision.revision_id));
  history->Add(revision);
  return absl::OkStatus();
}

absl::Status SchemaTable::DeleteRevision(const std::string& name, std::string_view revision_id) {
  std::shared_ptr<SchemaHistory> history = FindMutable(name);
  if (!history) return ResourceNotFound(name);
  if (revision_id.empty() || !history->Find(revision_id)) return NoRevision(name, revision_id);
  if (history->Revisions().size() == 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The only revision of a schema cannot be deleted: delete the schema (resource=", name,
        ")."));
  }
  history->Remove(revision_id);
  return absl::OkStatus();
}

absl::Status SchemaTable::Delete(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  return schemas_.erase(name) == 1 ? absl::OkStatus() : ResourceNotFound(name);
}

absl::Status SchemaTable::Restore(const SchemaRevision& revision) {
  absl::Status restored = Find(revision.name) ? Commit(revision) : Create(revision);
  return restored.ok() ? restored : JournalContradiction("a schema");
}

SchemaTable::Shared SchemaTable::Find(std::string_view name) const { return FindMutable(name); }

std::shared_ptr<SchemaHistory> SchemaTable::FindMutable(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  auto it = schemas_.find(name);
  return it == schemas_.end() ? nullptr : it->second;
}

absl::Status SchemaTable::CheckRange(const SchemaSettings& settings) const {
  Shared history = Find(settings.schema);
  if (!history) return ResourceNotFound(settings.schema);
  std::vector<SchemaRevision> newest_first = history->Revisions();
  size_t last = PositionOf(newest_first, settings.last_revision_id, 0);
  size_t first = PositionOf(newest_first, settings.first_revision_id, newest_first.size() - 1);
  if (first == newest_first.size()) return NoRevision(settings.schema, settings.first_revision_id);
  if (last == newest_first.size()) return NoRevision(settings.schema, settings.last_revision_id);
  if (first >= last) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("schema_settings.first_revision_id is newer than last_revision_id (resource=",
                   settings.schema, ")."));
}

Page<SchemaRevision> SchemaTable::List(std::string_view prefix, size_t page_size,
                                       std::string_view page_token) const {
  absl::ReaderMutexLock lock(&mutex_);
  return ListPage<SchemaRevision>(schemas_, prefix, page_size, page_token,
                                  [](const SchemaHistory& each) { return each.Find(""); });
}

std::vector<SchemaRevision> SchemaTable::Capture() const {
  std::vector<SchemaRevision> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, history] : schemas_) {
    std::vector<SchemaRevision> newest_first = history->Revisions();
    all.insert(all.end(), newest_first.rbegin(), newest_first.rend());
  }
  return all;
}

}  // namespace afluente::broker
