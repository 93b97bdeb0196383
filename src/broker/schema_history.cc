#include "broker/schema_history.h"

#include <algorithm>
#include <utility>

#include "absl/base/call_once.h"
#include "host/check.h"
#include "schema/text.h"

namespace afluente::broker {

using schema::Concat;

class SchemaHistory::Revision {
 public:
  explicit Revision(SchemaRevision settings) : settings_(std::move(settings)) {}

  const SchemaRevision& settings() const { return settings_; }
  const absl::StatusOr<SharedSchema>& compiled() const {
    absl::call_once(once_, [this] {
      compiled_ = schema::MessageSchema::Compile(settings_.language, settings_.definition);
    });
    return compiled_;
  }

 private:
  const SchemaRevision settings_;
  mutable absl::once_flag once_;
  mutable absl::StatusOr<SharedSchema> compiled_;
};

SchemaHistory::SchemaHistory(std::string name)
    : name_(std::move(name)), revisions_(std::make_shared<RevisionList>()) {}

std::shared_ptr<const SchemaHistory::RevisionList> SchemaHistory::Current() const {
  absl::MutexLock lock(&mutex_);
  return revisions_;
}

void SchemaHistory::Add(SchemaRevision revision) {
  auto added = std::make_shared<const Revision>(std::move(revision));
  absl::MutexLock lock(&mutex_);
  auto changed = std::make_shared<RevisionList>(*revisions_);
  changed->push_back(std::move(added));
  revisions_ = std::move(changed);
}

bool SchemaHistory::Remove(std::string_view revision_id) {
  absl::MutexLock lock(&mutex_);
  auto changed = std::make_shared<RevisionList>(*revisions_);
  auto removed = std::erase_if(*changed, [&](const std::shared_ptr<const Revision>& revision) {
    return revision->settings().revision_id == revision_id;
  });
  revisions_ = std::move(changed);
  return removed > 0;
}

std::vector<SchemaRevision> SchemaHistory::Revisions() const {
  std::shared_ptr<const RevisionList> revisions = Current();
  std::vector<SchemaRevision> newest_first;
  newest_first.reserve(revisions->size());
  for (auto it = revisions->rbegin(); it != revisions->rend(); ++it) {
    newest_first.push_back((*it)->settings());
  }
  return newest_first;
}

std::shared_ptr<const SchemaHistory::Revision> SchemaHistory::FindRevision(
    const RevisionList& revisions, std::string_view revision_id) {
  auto it = std::find_if(revisions.rbegin(), revisions.rend(), [&](const auto& revision) {
    return revision_id.empty() || revision->settings().revision_id == revision_id;
  });
  return it == revisions.rend() ? nullptr : *it;
}

std::optional<SchemaRevision> SchemaHistory::Find(std::string_view revision_id) const {
  std::shared_ptr<const Revision> revision = FindRevision(*Current(), revision_id);
  if (revision == nullptr) return std::nullopt;
  return revision->settings();
}

absl::StatusOr<SchemaHistory::SharedSchema> SchemaHistory::Compiled(
    std::string_view revision_id) const {
  std::shared_ptr<const Revision> revision = FindRevision(*Current(), revision_id);
  if (revision == nullptr) {
    return absl::NotFoundError(
        Concat("Resource not found (resource=", name_, "@", revision_id, ")."));
  }
  return revision->compiled();
}

absl::StatusOr<std::string> SchemaHistory::Validate(const SchemaSettings& settings,
                                                    std::string_view data) const {
  std::shared_ptr<const RevisionList> revisions = Current();
  auto encoding = settings.encoding == Encoding::kBinary ? schema::MessageEncoding::kBinary
                                                         : schema::MessageEncoding::kJson;
  std::string problem = "no revision is allowed by the topic's schema settings";
  bool allowed = settings.last_revision_id.empty();
  // A bound whose revision was deleted allows nothing, rather than all.
  if (FindRevision(*revisions, settings.first_revision_id) == nullptr) {
    revisions = std::make_shared<RevisionList>();
  }
  for (auto it = revisions->rbegin(); it != revisions->rend(); ++it) {
    const std::string& id = (*it)->settings().revision_id;
    allowed = allowed || id == settings.last_revision_id;
    if (allowed) {
      const absl::StatusOr<SharedSchema>& compiled = (*it)->compiled();
      absl::Status status =
          compiled.ok() ? (*compiled)->Validate(encoding, data) : compiled.status();
      if (status.ok()) return id;
      problem = Concat("last checked revision: revision_id=", id,
                       " failed with status: ", std::string(status.message()));
    }
    if (id == settings.first_revision_id) break;
  }
  return absl::InvalidArgumentError(
      Concat("Invalid data in message: Message failed schema validation. Could not validate "
             "message with any schema revision for schema: ",
             name_, ", ", problem));
}

}  // namespace afluente::broker
