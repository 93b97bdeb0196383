#pragma once

#include <memory>

#include "function/json_rows.h"
#include "function/transform.h"
#include "script/javascript.h"

namespace afluente::function {

// `function name(message, metadata)`, called with Pub/Sub's UDF arguments: an object it returns is
// a row by column name, an array of objects are rows, null or an empty array drops the message.
// What it throws, or a limit, is a failed attempt; a row that does not fit the table fails for
// good.
class JavascriptTransform final : public Transform {
 public:
  JavascriptTransform(std::unique_ptr<script::JavaScript> function, JsonRows rows)
      : function_(std::move(function)), rows_(std::move(rows)) {}

  std::vector<Decision> Run(std::vector<Attempt> attempts) override;

 private:
  Outcome Decide(const Attempt& attempt);

  const std::unique_ptr<script::JavaScript> function_;
  JsonRows rows_;
};

}  // namespace afluente::function
