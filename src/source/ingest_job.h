#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "http/message.h"
#include "http/server.h"
#include "source/body_records.h"
#include "source/idempotency.h"
#include "source/ingest_request.h"

namespace afluente::broker {
class Publisher;
}

namespace afluente::source {

// One body on its way into a topic: reads records, publishes a batch at a time, and finds the
// records that the topic refuses by halving the batch they are in. Kept alive by whoever runs it;
// one thread at a time.
class IngestJob : public std::enable_shared_from_this<IngestJob> {
 public:
  struct Ports {
    broker::Publisher& publisher;
    IdempotencyKeys* keys;  // nullptr: no job has a stream
    // Runs work on a thread that may block; false when too much waits.
    std::function<bool(absl::AnyInvocable<void()>)> submit;
    // How many messages were taken and how many refused, for counting.
    std::function<void(uint64_t accepted, uint64_t rejected)> count;
  };

  // `stream` names the idempotency key's deliveries; empty without a key.
  IngestJob(const Ports& ports, std::string topic_name, IngestRequest request, std::string body,
            uint64_t unpacked_bytes_max, std::string stream, http::Responder respond);
  ~IngestJob();

  // On a thread that may block; answers later, from any.
  void Run();

 private:
  struct Record {
    uint64_t number;
    std::string data;
  };
  using Batch = std::vector<Record>;

  void Step();
  // The next batch into todo_; false when the body holds no more or cannot be read on.
  bool ReadBatch();
  void Reject(uint64_t number, std::string_view why);
  void Publish(Batch batch);
  void OnPublished(Batch batch, absl::StatusOr<std::vector<std::string>> ids);
  void Refused(Batch batch, const absl::Status& status);
  // Ends the job: `stopped` says why records were left.
  void Finish(absl::Status stopped);
  std::string AnswerText(const absl::Status& stopped) const;

  const Ports ports_;
  const std::string topic_;
  const IngestRequest request_;
  const std::string body_;
  const std::string stream_;
  http::Responder respond_;
  BodyRecords records_;
  StoredRecords stored_;  // of this job and, under a key, of the attempts before
  bool claimed_ = false;
  bool finished_ = false;
  bool body_ended_ = false;
  absl::Status body_error_;
  std::deque<Batch> todo_;
  uint64_t ticket_ = 0;
  uint64_t accepted_now_ = 0;
  uint64_t rejected_ = 0;
  uint64_t next_number_ = 1;  // where a client goes on when the job stopped
  std::vector<std::pair<uint64_t, std::string>> errors_;
};

}  // namespace afluente::source
