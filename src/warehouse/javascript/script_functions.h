#pragma once

#include <memory>

#include "warehouse/javascript.h"

namespace afluente::warehouse {

// JavaScriptFunctions over the interpreter that transforms messages. Each thread keeps the few
// functions that it called last.
class ScriptFunctions final : public JavaScriptFunctions {
 public:
  absl::StatusOr<std::string> Call(std::string_view code, std::string_view arguments) override;
};

}  // namespace afluente::warehouse
