#pragma once

#include <string>
#include <vector>

#include "http/router.h"

namespace afluente::function {
struct Operations;
}

namespace afluente::host {
class WorkerPool;
}

namespace afluente::console {

// Adds what operators do with functions. `operations` and `workers` outlive the router.
//   GET  /v1/functions                              what each is at
//   GET  /v1/functions/NAME/dead-letters            ?state= &error= &id= &after= &limit=
//   POST /v1/functions/NAME/dead-letters/retry      {"messages": [{"id", "data": base64}]}
//   POST /v1/functions/NAME/dead-letters/export     {"ids": [...]}: marks them exported
//   POST /v1/functions/NAME/replay                  {"from": sequence or time, "into"}
//   POST /v1/functions/NAME/backfill                ?file= &first=, a record a line; none: how
//                                                   many of the file are decided
//   POST /v1/functions/NAME/dry-run                 {"sql" or "javascript", "from", "limit"}
void AddFunctionRoutes(http::Router& router, const std::vector<function::Operations>& operations,
                       host::WorkerPool& workers, const std::string& project);

}  // namespace afluente::console
