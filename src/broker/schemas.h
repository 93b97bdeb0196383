#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/topics.h"

namespace afluente::broker {

struct SchemaRevision;

// Port: schemas and their revisions. Thread-safe. Mutations block until on disk. A name may carry
// a revision, "projects/P/schemas/S@ID", where said. Errors: INVALID_ARGUMENT (a bad name or
// definition, with its place), NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, UNAVAILABLE.
class Schemas {
 public:
  virtual ~Schemas() = default;
  // The revision's id and time are the broker's to set.
  virtual absl::StatusOr<SchemaRevision> CreateSchema(SchemaRevision schema) = 0;
  // With or without a revision: the latest.
  virtual absl::StatusOr<SchemaRevision> GetSchema(std::string_view name) const = 0;
  virtual absl::StatusOr<Page<SchemaRevision>> ListSchemas(std::string_view project,
                                                           size_t page_size,
                                                           std::string_view page_token) const = 0;
  // Newest first.
  virtual absl::StatusOr<Page<SchemaRevision>> ListSchemaRevisions(
      std::string_view name, size_t page_size, std::string_view page_token) const = 0;
  virtual absl::StatusOr<SchemaRevision> CommitSchema(SchemaRevision schema) = 0;
  // A new revision equal to the one named.
  virtual absl::StatusOr<SchemaRevision> RollbackSchema(std::string_view name,
                                                        std::string_view revision_id) = 0;
  // With a revision. Returns the schema as it is then.
  virtual absl::StatusOr<SchemaRevision> DeleteSchemaRevision(std::string_view name) = 0;
  virtual absl::Status DeleteSchema(std::string_view name) = 0;
};

}  // namespace afluente::broker
