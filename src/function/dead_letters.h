#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "function/transform_source.h"

namespace afluente::host {
class Clock;
}  // namespace afluente::host

namespace afluente::warehouse {
class Warehouse;
}  // namespace afluente::warehouse

namespace afluente::function {

struct Attempt;
class Function;

// A function's rows of `<dataset>.dead_letters`, for its operator. Owned by roles/; any thread;
// every method blocks.
class DeadLetters {
 public:
  struct Filter {
    std::string state = "dead";  // dead, retried, exported; empty = any
    std::string error;           // a part of the error's text; empty = any
    std::string id;              // one message; empty = any
    std::string after;           // of a page before: its last message id
    uint64_t limit = 100;        // kPageMax at most
  };
  static constexpr uint64_t kPageMax = 1'000;

  struct Retry {
    std::string id;
    std::optional<std::string> data;  // instead of the message's own
  };
  struct Retried {
    std::string id;
    std::string outcome;  // stored, dropped, self_stored or dead
    int64_t rows = 0;
    std::string error;  // dead: the new one
  };
  static constexpr size_t kRetriesMax = 1'000;

  DeadLetters(Function& function, warehouse::Warehouse& warehouse, TransformSource source,
              const host::Clock& clock);

  // {"dead_letters": [row, ...], "next": "id" or null}, by message id.
  absl::StatusOr<std::string> List(const Filter& filter) const;
  // Decides each anew, one attempt: what is not dead any more moves to its new outcome in one
  // transaction; what fails stays dead, with the new error. NOT_FOUND names an id that is no dead
  // letter of the function's.
  absl::StatusOr<std::vector<Retried>> Decide(const std::vector<Retry>& retries);
  // Marks dead letters as exported; they stay dead-lettered. How many there were.
  absl::StatusOr<int64_t> MarkExported(const std::vector<std::string>& ids);

 private:
  absl::StatusOr<std::vector<Attempt>> Read(const std::vector<Retry>& retries) const;
  std::string Table() const;

  Function& function_;
  warehouse::Warehouse& warehouse_;
  const TransformSource source_;
  const host::Clock& clock_;
};

}  // namespace afluente::function
