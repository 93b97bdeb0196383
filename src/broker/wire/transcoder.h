#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/path_template.h"
#include "google/api/http.pb.h"
#include "host/worker_pool.h"
#include "http/message.h"
#include "http/server.h"

namespace afluente::broker::wire {

struct Method;
class MethodTable;

// The HTTP server's own refusals, as Google's errors.
http::Response GoogleRefusal(int status, std::string_view detail);

// REST for every method of the table whose proto has a google.api.http rule: the path, the query
// and the body become the request message, by reflection. Owned by the door; runs on I/O threads,
// large bodies on a worker.
class Transcoder {
 public:
  Transcoder(const MethodTable& methods, host::WorkerPool& workers);

  void Handle(http::Request request, http::Responder responder) const;

 private:
  // One HTTP rule of one method.
  struct Binding {
    const Method* method = nullptr;
    std::string verb;  // GET, POST, ...
    PathTemplate path;
    std::string body;  // "*", a field's name, or none
  };
  struct Match {
    const Binding* binding = nullptr;
    PathTemplate::Captures captures;
  };

  void AddBinding(const Method& method, const google::api::HttpRule& rule);
  std::optional<Match> FindBinding(const http::Request& request) const;
  void Run(const Match& match, const http::Request& request, http::Responder responder) const;

  const MethodTable& methods_;
  host::WorkerPool& workers_;
  std::vector<Binding> bindings_;
};

}  // namespace afluente::broker::wire
