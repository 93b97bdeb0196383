#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "function/transform.h"
#include "spec/spec.h"

namespace afluente::http {
class ConnectionPool;
}

namespace afluente::warehouse {
class BatchSqlCompiler;
}

namespace afluente::roles {

// What transforms are made with. `connections` outlives them.
struct TransformParts {
  const spec::Spec& spec;
  warehouse::BatchSqlCompiler& sql;
  http::ConnectionPool& connections;
};

// A function's transform as the specification has it: a new one each time, for a thread of its own.
// INVALID_ARGUMENT names the file whose code is wrong.
absl::StatusOr<std::unique_ptr<function::Transform>> MakeTransform(const spec::Function& function,
                                                                   const TransformParts& parts);

}  // namespace afluente::roles
