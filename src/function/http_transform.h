#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "function/event_request.h"
#include "function/json_rows.h"
#include "function/transform.h"
#include "http/connection_pool.h"

namespace afluente::function {

struct HttpTransformOptions {
  EventTarget target;
  size_t concurrency = 64;                    // requests under way at once
  std::chrono::milliseconds timeout{30'000};  // of one attempt
  uint64_t response_bytes_max = 10'000'000;   // a longer answer fails the attempt
  bool takes_rows = true;                     // false: there is no table for rows
};

// A function in any language behind a URL. An answer of 2xx with a JSON array holds the message's
// rows, by column name (none: dropped); with an empty body the function stored for itself; anything
// else is a failed attempt. Many requests are under way at once; Run never blocks.
class HttpTransform final : public Transform {
 public:
  // `pool` outlives the transform and reads answers of at least response_bytes_max.
  HttpTransform(HttpTransformOptions options, http::ConnectionPool& pool, JsonRows rows);

  std::vector<Decision> Run(std::vector<Attempt> attempts) override;
  bool immediate() const override { return false; }
  size_t capacity() const override;
  void OnDecided(std::function<void()> decided) override;

 private:
  struct Answers;
  Outcome Decide(const absl::StatusOr<http::Response>& answer);

  const HttpTransformOptions options_;
  http::ConnectionPool& pool_;
  JsonRows rows_;
  // Shared with requests under way, which may outlive the transform.
  const std::shared_ptr<Answers> answers_;
};

}  // namespace afluente::function
