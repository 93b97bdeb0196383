#pragma once

// For tests: an HTTP server that answers as BigQuery was told to.
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/check.h"
#include "http/connection_pool.h"
#include "http/server.h"

namespace afluente::warehouse::bigquery {

class FakeBigquery {
 public:
  struct Asked {
    std::string method;
    std::string target;
    nlohmann::json body;
    std::string authorization;
  };

  FakeBigquery() : threads_(2), pool_(http::ConnectionPool::Create(threads_, {})) {
    server_ =
        http::Server::Create(threads_, {}, [this](http::Request request, http::Responder respond) {
          const std::string* token = request.headers.Find("Authorization");
          absl::MutexLock lock(&mutex_);
          asked_.push_back(
              {request.method, request.target,
               request.body.empty() ? nlohmann::json() : nlohmann::json::parse(request.body),
               token == nullptr ? "" : *token});
          if (answers_.empty()) {
            respond(http::Response::Json(500, R"({"error":{"message":"no answer was set"}})"));
            return;
          }
          http::Response answer = answers_.front();
          if (answers_.size() > 1 || !keep_last_) answers_.pop_front();
          respond(std::move(answer));
        });
    auto port = server_->Listen("127.0.0.1:0");
    AFLUENTE_CHECK(port.ok());
    endpoint_ = "http://127.0.0.1:" + std::to_string(*port);
  }
  ~FakeBigquery() { server_->Stop(std::chrono::milliseconds(100)); }

  void Answer(int status, const nlohmann::json& body) {
    absl::MutexLock lock(&mutex_);
    answers_.push_back(http::Response::Json(status, body.dump()));
  }
  void Fail(int status, const std::string& reason, const std::string& message = "it said no") {
    Answer(status, {{"error",
                     {{"code", status},
                      {"message", message},
                      {"errors", {{{"reason", reason}, {"message", message}}}}}}});
  }
  // The last answer stands for every later request.
  void KeepLast() { keep_last_ = true; }

  std::vector<Asked> asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }
  const std::string& endpoint() const { return endpoint_; }
  http::ConnectionPool& pool() { return *pool_; }

 private:
  http::IoThreads threads_;
  std::unique_ptr<http::ConnectionPool> pool_;
  std::unique_ptr<http::Server> server_;
  std::string endpoint_;
  bool keep_last_ = false;
  mutable absl::Mutex mutex_;
  std::deque<http::Response> answers_;
  std::vector<Asked> asked_;
};

}  // namespace afluente::warehouse::bigquery
