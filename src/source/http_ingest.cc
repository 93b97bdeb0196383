#include "source/http_ingest.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "broker/limits.h"
#include "broker/publisher.h"
#include "host/digest.h"
#include "host/worker_pool.h"
#include "http/loopback_guard.h"
#include "http/problem.h"
#include "http/router.h"
#include "source/ingest_job.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::source {
namespace {

http::Response Busy() {
  http::Response busy = http::Problem(503, "Service Unavailable", "too many requests wait");
  busy.headers.Add("Retry-After", "1");
  return busy;
}

class WorkingIngest final : public HttpIngest {
 public:
  WorkingIngest(HttpIngestOptions options, broker::Publisher& publisher, IdempotencyKeys* keys,
                telemetry::Metrics& metrics)
      : options_(std::move(options)),
        ports_{publisher, keys, [this](auto work) { return pool_->Submit(std::move(work)); },
               [this](uint64_t accepted, uint64_t rejected) {
                 accepted_.Add(accepted);
                 rejected_.Add(rejected);
               }},
        accepted_(metrics.GetCounter(telemetry::kIngestMessages, telemetry::kIngestMessagesHelp,
                                     {{"outcome", "accepted"}})),
        rejected_(metrics.GetCounter(telemetry::kIngestMessages, telemetry::kIngestMessagesHelp,
                                     {{"outcome", "rejected"}})),
        pool_(std::make_unique<host::WorkerPool>(options_.threads, options_.waiting_max)) {
    const auto status = router_.Add(
        "POST", "/ingest/{topic}",
        [this](http::Request request, http::PathParameters parameters, http::Responder respond) {
          Take(std::move(request), parameters, std::move(respond));
        });
    (void)status;  // a constant pattern
    (void)router_.Add("GET", "/health", [](auto, auto, http::Responder respond) {
      respond(http::Response::Text(200, "text/plain", "ok\n"));
    });
  }

  ~WorkingIngest() override {
    absl::MutexLock lock(&mutex_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return jobs_ == 0; };
    mutex_.Await(absl::Condition(&none));
  }

  http::Handler handler() override {
    http::Handler routed = [this](http::Request request, http::Responder respond) {
      router_.Handle(std::move(request), std::move(respond));
    };
    // A key is nothing that a foreign page makes a browser send.
    if (options_.keys_required || options_.callers_are_known) return routed;
    return http::GuardLoopback(std::move(routed), options_.hosts);
  }

 private:
  void Take(http::Request request, const http::PathParameters& parameters,
            http::Responder respond) {
    const std::string& topic = parameters.find("topic")->second;
    std::string who;
    if (options_.keys_required) {
      const ApiKey* key = FindApiKey(options_.keys, PresentedKey(request.headers));
      if (key == nullptr) {
        http::Response unknown = http::Problem(401, "Unauthorized", "an API key is required");
        unknown.headers.Add("WWW-Authenticate", "Bearer");
        return respond(std::move(unknown));
      }
      if (!key->MayPublish(topic)) {
        return respond(http::Problem(403, "Forbidden", "this key may not publish to the topic"));
      }
      who = key->name;
    }
    auto read = ReadIngestRequest(request, topic);
    if (absl::IsUnimplemented(read.status())) {
      return respond(
          http::Problem(415, "Unsupported Media Type", std::string(read.status().message())));
    }
    if (!read.ok()) return respond(http::Problem(read.status()));
    const std::string name = absl::StrCat("projects/", options_.project, "/topics/", topic);
    if (auto status = broker::CheckTopicName(name); !status.ok()) {
      return respond(http::Problem(status));
    }
    std::string stream;
    if (!read->idempotency_key.empty()) {
      if (ports_.keys == nullptr) {
        return respond(http::Problem(501, "Not Implemented",
                                     "Idempotency-Key: this role keeps nothing, so that it could "
                                     "not tell a request that came before"));
      }
      const std::string scope = absl::StrCat(who, "\n", topic, "\n", read->idempotency_key);
      stream = absl::BytesToHexString(host::Sha256(scope)).substr(0, 40);
    }
    // Shared, so that it can still be answered when the pool takes no more.
    auto answer = std::make_shared<http::Responder>(std::move(respond));
    Enter();
    // Shared: the pool and the journal take turns with it.
    std::shared_ptr<IngestJob> job(
        new IngestJob(ports_, name, *std::move(read), std::move(request.body),
                      options_.unpacked_bytes_max, std::move(stream),
                      [answer](http::Response response) { (*answer)(std::move(response)); }),
        [this](IngestJob* done) {
          delete done;
          Leave();
        });
    if (!pool_->Submit([job] { job->Run(); })) (*answer)(Busy());
  }

  void Enter() {
    absl::MutexLock lock(&mutex_);
    ++jobs_;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --jobs_;
  }

  const HttpIngestOptions options_;
  const IngestJob::Ports ports_;
  telemetry::Counter& accepted_;
  telemetry::Counter& rejected_;
  http::Router router_;
  absl::Mutex mutex_;
  uint64_t jobs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<host::WorkerPool> pool_;  // last: its work uses the rest
};

}  // namespace

std::unique_ptr<HttpIngest> HttpIngest::Create(HttpIngestOptions options,
                                               broker::Publisher& publisher, IdempotencyKeys* keys,
                                               telemetry::Metrics& metrics) {
  return std::make_unique<WorkingIngest>(std::move(options), publisher, keys, metrics);
}

}  // namespace afluente::source
