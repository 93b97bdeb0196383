#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace afluente::broker {

// google.iam.v1.Policy, as far as it is kept.
struct Policy {
  struct Condition {
    std::string expression;
    std::string title;
    std::string description;
    std::string location;
    friend bool operator==(const Condition&, const Condition&) = default;
  };
  struct Binding {
    std::string role;
    std::vector<std::string> members;
    Condition condition;  // empty expression = none
    friend bool operator==(const Binding&, const Binding&) = default;
  };
  int32_t version = 0;
  std::vector<Binding> bindings;
  std::string etag;  // bytes; changes with every set
  friend bool operator==(const Policy&, const Policy&) = default;
};

// Port: IAM policies of topics, subscriptions, snapshots and schemas, by full resource name; they
// go with their resource. Thread-safe. Errors: INVALID_ARGUMENT, NOT_FOUND (no such resource),
// ABORTED (another etag), UNAVAILABLE.
class Policies {
 public:
  virtual ~Policies() = default;
  // An empty one when none was set.
  virtual absl::StatusOr<Policy> GetPolicy(std::string_view resource) const = 0;
  // Replaces it, if `policy.etag` is empty or the current one. Blocks until on disk.
  virtual absl::StatusOr<Policy> SetPolicy(std::string_view resource, Policy policy) = 0;
};

}  // namespace afluente::broker
