#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "event/message.h"

namespace afluente::script {

struct Limits {
  size_t code_bytes_max = 20 << 10;    // Pub/Sub's own limit of a UDF
  size_t memory_bytes_max = 64 << 20;  // of one runtime
  size_t stack_bytes_max = 512 << 10;
  size_t result_bytes_max = 10'000'000;     // of the data and the attributes returned
  std::chrono::milliseconds time_max{500};  // of the CPU, for one call
};

// A message's part that a function may change. No value = the function returned null: the message
// is dropped.
using Transformed = std::optional<event::Draft>;

// What a function returned, as JSON text. No value = it returned null.
using ReturnedJson = std::optional<std::string>;

// One JavaScript function of Pub/Sub's UDF signature, `function name(message, metadata)`: message
// has `data` (string) and `attributes`, metadata has `message_id`, `publish_time`, `ordering_key`
// where the message has them. Without input or output of any kind; Math.random is seeded by the
// message's id and Date is its publish time, so that running it again gives the same. One thread at
// a time.
class JavaScript {
 public:
  // INVALID_ARGUMENT with line and column when the code does not compile, or has no function of
  // that name. An empty name is the only function that the code declares, or `transform` of
  // several.
  static absl::StatusOr<std::unique_ptr<JavaScript>> Compile(std::string_view function_name,
                                                             std::string_view code,
                                                             const Limits& limits);
  virtual ~JavaScript() = default;

  // INVALID_ARGUMENT with the thrown error's text (and its line) or what was wrong about the
  // returned value; RESOURCE_EXHAUSTED when a limit was met. Nothing of one call is left for the
  // next but what the code itself keeps in globals. The ordering key is never changed.
  virtual absl::StatusOr<Transformed> Call(const event::Message& message) = 0;
  // The same, but whatever JSON can say may be returned; metadata has `delivery_attempt` too.
  virtual absl::StatusOr<ReturnedJson> CallForJson(const event::Message& message,
                                                   int64_t delivery_attempt) = 0;
};

}  // namespace afluente::script
