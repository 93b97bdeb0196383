#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event/message.h"
#include "schema/value.h"

namespace afluente::function {

// What a transform made of one message.
struct Outcome {
  enum class Kind {
    kRows,
    kDropped,
    kSelfStored,     // the function stored for itself
    kFailed,         // the same message fails each time: a dead letter at once
    kAttemptFailed,  // another attempt may succeed
  };
  Kind kind = Kind::kDropped;
  std::vector<std::vector<schema::Value>>
      rows;           // kRows: values in the table's declared column order
  std::string error;  // kFailed and kAttemptFailed: what and where

  static Outcome Dropped() { return {}; }
  static Outcome SelfStored() { return {Kind::kSelfStored, {}, {}}; }
  static Outcome Rows(std::vector<std::vector<schema::Value>> rows) {
    return {Kind::kRows, std::move(rows), {}};
  }
  static Outcome Failed(std::string error) { return {Kind::kFailed, {}, std::move(error)}; }
  static Outcome AttemptFailed(std::string error) {
    return {Kind::kAttemptFailed, {}, std::move(error)};
  }
  bool failed() const { return kind == Kind::kFailed || kind == Kind::kAttemptFailed; }
};

// One try of one message. Shared with the journal's memory and whoever works on it.
struct Attempt {
  std::shared_ptr<const event::Message> message;
  int64_t number = 1;      // 1: the first one
  host::WallTime began{};  // set where traces are wanted
};

struct Decision {
  Attempt attempt;
  Outcome outcome;
};

// Port: attempts to outcomes. One thread at a time.
class Transform {
 public:
  virtual ~Transform() = default;

  // Starts `attempts` and gives the decisions there are: an immediate transform one for each, in
  // order, and may block for them; another those that have come meanwhile, also of attempts started
  // before, and does not block.
  virtual std::vector<Decision> Run(std::vector<Attempt> attempts) = 0;

  // Immediate transforms are pure: what they made of a message may be thrown away and made again.
  virtual bool immediate() const { return true; }
  // How many attempts may be started now.
  virtual size_t capacity() const { return SIZE_MAX; }
  // Not immediate: called on any thread, from now on, when a decision has come. Must not block.
  virtual void OnDecided(std::function<void()> /*decided*/) {}
};

}  // namespace afluente::function
