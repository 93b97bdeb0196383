#pragma once

#include "event/by_name.h"
#include "function/transform.h"

namespace afluente::function {

// The default transform: a JSON object's fields to the columns of the same name.
class ByNameTransform final : public Transform {
 public:
  ByNameTransform(std::vector<schema::Column> columns, event::UnknownFields unknown_fields)
      : decoder_(std::move(columns), unknown_fields) {}

  std::vector<Decision> Run(std::vector<Attempt> attempts) override;

 private:
  event::ByNameDecoder decoder_;
};

}  // namespace afluente::function
