#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/message.h"
#include "schema/value.h"

namespace afluente::function {

// What a transform made of one message.
struct Outcome {
  enum class Kind { kRows, kDropped, kFailed };
  Kind kind = Kind::kDropped;
  std::vector<std::vector<schema::Value>>
      rows;           // kRows: values in the table's declared column order
  std::string error;  // kFailed: what and where, for the dead letter

  static Outcome Dropped() { return {}; }
  static Outcome Rows(std::vector<std::vector<schema::Value>> rows) {
    return {Kind::kRows, std::move(rows), {}};
  }
  static Outcome Failed(std::string error) { return {Kind::kFailed, {}, std::move(error)}; }
};

// Port: messages to outcomes, one per message, in order. One thread at a time; may block. The
// transforms here are pure: the same message fails the same way each time, so a failure is final.
class Transform {
 public:
  virtual ~Transform() = default;
  virtual std::vector<Outcome> Run(const std::vector<const event::Message*>& messages) = 0;
};

}  // namespace afluente::function
