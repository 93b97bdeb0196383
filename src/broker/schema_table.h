#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "broker/resources.h"
#include "broker/schema_history.h"
#include "broker/topics.h"

namespace afluente::broker {

// The schemas by name, each with its revisions. Part of the state: changed by State::Apply only,
// and what it answers follows from those changes alone. Thread-safe.
class SchemaTable {
 public:
  using Shared = std::shared_ptr<const SchemaHistory>;

  absl::Status Create(const SchemaRevision& revision);
  absl::Status Commit(const SchemaRevision& revision);
  absl::Status DeleteRevision(const std::string& name, std::string_view revision_id);
  absl::Status Delete(const std::string& name);
  // Of a schema's revisions the first before the others.
  absl::Status Restore(const SchemaRevision& revision);

  // Null when there is none. Has at least one revision.
  Shared Find(std::string_view name) const;
  // NOT_FOUND or INVALID_ARGUMENT when a topic cannot have these.
  absl::Status CheckRange(const SchemaSettings& settings) const;
  // The latest of each schema.
  Page<SchemaRevision> List(std::string_view prefix, size_t page_size,
                            std::string_view page_token) const;
  // Schema by schema, each from its first revision on.
  std::vector<SchemaRevision> Capture() const;

 private:
  std::shared_ptr<SchemaHistory> FindMutable(std::string_view name) const;

  mutable absl::Mutex mutex_;
  // Shared with those who validate by one while it is deleted.
  absl::btree_map<std::string, std::shared_ptr<SchemaHistory>, std::less<>> schemas_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace afluente::broker
