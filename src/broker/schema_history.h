#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/resources.h"
#include "broker/schema_revision.h"
#include "schema/message/message_schema.h"

namespace afluente::broker {

// One schema's revisions, each compiled when it is first needed. Held by the state, which changes
// it as it applies records, and shared with those who validate meanwhile: they see it as it was.
class SchemaHistory {
 public:
  using SharedSchema = std::shared_ptr<const schema::MessageSchema>;

  // `name` is projects/P/schemas/S.
  explicit SchemaHistory(std::string name);

  const std::string& name() const { return name_; }

  // Makes it the newest.
  void Add(SchemaRevision revision);
  // False when there is no such revision.
  bool Remove(std::string_view revision_id);

  // Newest first.
  std::vector<SchemaRevision> Revisions() const;
  // The newest for an empty id.
  std::optional<SchemaRevision> Find(std::string_view revision_id) const;
  // NOT_FOUND, or INVALID_ARGUMENT when the definition does not compile.
  absl::StatusOr<SharedSchema> Compiled(std::string_view revision_id) const;

  // The id of the newest revision among those allowed that `data` fits. INVALID_ARGUMENT, in
  // Pub/Sub's words, with what the last one tried has against it.
  absl::StatusOr<std::string> Validate(const SchemaSettings& settings, std::string_view data) const;

 private:
  class Revision;
  using RevisionList = std::vector<std::shared_ptr<const Revision>>;  // oldest first

  std::shared_ptr<const RevisionList> Current() const;
  static std::shared_ptr<const Revision> FindRevision(const RevisionList& revisions,
                                                      std::string_view revision_id);

  const std::string name_;
  mutable absl::Mutex mutex_;
  // Replaced, never changed.
  std::shared_ptr<const RevisionList> revisions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
