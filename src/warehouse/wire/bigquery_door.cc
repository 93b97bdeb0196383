#include "warehouse/wire/bigquery_door.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "host/check.h"
#include "host/worker_pool.h"
#include "http/content_decoder.h"
#include "http/loopback_guard.h"
#include "http/router.h"
#include "schema/text.h"
#include "warehouse/catalog.h"
#include "warehouse/jobs/job_runner.h"
#include "warehouse/jobs/streaming_insert.h"
#include "warehouse/jobs/table_expiry.h"
#include "warehouse/table_writer.h"
#include "warehouse/wire/context.h"
#include "warehouse/wire/uploads.h"

namespace afluente::warehouse::wire {
namespace {

constexpr int kThreads = 16;
constexpr size_t kWaitingMax = 2'000;
constexpr uint64_t kBodyBytesMax = 128 << 20;
constexpr uint64_t kBodiesBytesMax = 384 << 20;
// Of each call that is at work: the server counts what arrives.
constexpr size_t kUnpackedBytesMax = 32 << 20;
// The one of all Google APIs, and the API's own, which the bq command asks for.
constexpr const char* kDiscoveryPaths[] = {"/discovery/v1/apis/bigquery/v2/rest",
                                           "/$discovery/rest"};

http::Response RefusalOf(int status, std::string_view detail) {
  const std::string_view reason = status == 404   ? "notFound"
                                  : status == 405 ? "methodNotAllowed"
                                  : status == 413 ? "uploadTooLarge"
                                  : status == 403 ? "accessDenied"
                                  : status == 503 ? "backendError"
                                                  : "invalid";
  return ErrorResponse(status, reason, detail);
}

// The router's own refusals in Google's form.
http::Responder InGooglesForm(http::Responder responder) {
  return [responder = std::move(responder)](http::Response response) mutable {
    const std::string* type = response.headers.Find("Content-Type");
    if (type == nullptr || !type->starts_with("application/problem+json")) {
      return responder(std::move(response));
    }
    const json problem = jobs::ParseJson(response.body);
    http::Response refusal =
        RefusalOf(response.status, jobs::TextOf(problem, "detail", "the request is refused"));
    if (const std::string* allow = response.headers.Find("Allow")) {
      refusal.headers.Add("Allow", *allow);
    }
    responder(std::move(refusal));
  };
}

// A body that came packed, as Java's client sends every one. What is wrong with it, or nothing.
std::optional<http::Response> Unpack(http::Request& request) {
  const std::string* named = request.headers.Find("Content-Encoding");
  if (named == nullptr || request.body.empty()) return std::nullopt;
  const std::optional<http::ContentCoding> coding = http::FindCoding(*named);
  if (!coding) {
    http::Response refusal =
        RefusalOf(415, "Content-Encoding " + named->substr(0, 40) + " of a request is not read");
    refusal.headers.Add("Accept-Encoding", "gzip, zstd, identity");  // RFC 9110, 15.5.16
    return refusal;
  }
  if (*coding == http::ContentCoding::kIdentity) return std::nullopt;
  const auto decoder = http::ContentDecoder::Create(*coding);
  std::string_view packed = request.body;
  std::string plain;
  size_t before = 0;
  do {
    before = plain.size();
    if (plain.size() >= kUnpackedBytesMax) {
      return RefusalOf(413, "the request's body unpacks to more than 32 MiB");
    }
    const size_t left = std::min<size_t>(kUnpackedBytesMax - plain.size(), size_t{1} << 20);
    if (absl::Status status = decoder->Decode(packed, plain, left); !status.ok()) {
      return ErrorResponse(status);
    }
  } while (!packed.empty() || plain.size() > before);
  if (!decoder->whole()) return RefusalOf(400, "the request's packed body is cut short");
  request.body = std::move(plain);
  return std::nullopt;
}

// Java's client, which cannot send PATCH, names it in a POST's header, as Google's APIs allow.
void TakeNamedMethod(http::Request& request) {
  const std::string* named = request.headers.Find("X-HTTP-Method-Override");
  if (named != nullptr && request.method == "POST") request.method = *named;
}

bool IsJson(const http::Request& request) {
  const std::string* type = request.headers.Find("Content-Type");
  return type == nullptr || schema::Lowercase(*type).find("json") != std::string::npos;
}

}  // namespace

// Members are destroyed from the last up.
struct BigqueryDoor::State {
  State(const DoorPorts& given, DoorOptions opts)
      : ports(given),
        options(std::move(opts)),
        runner(ports.warehouse, ports.writer, ports.catalog, ports.clock, ports.files),
        inserts(ports.writer, ports.catalog, ports.clock),
        uploads(ports.files, ports.writer.staging_directory(), ports.clock),
        expiry(ports.warehouse, ports.catalog, ports.clock) {
    context.reset(new Context{ports.warehouse, ports.writer, ports.catalog, ports.clock, runner,
                              inserts, uploads, options.project, nullptr, ports.routines,
                              options.tls == nullptr ? "http://" : "https://"});
  }

  void Handle(const MethodEntry& entry, http::Request request, http::PathParameters path,
              http::Responder responder);
  void Work(const MethodEntry& entry, std::shared_ptr<Call> call, http::Responder responder);

  const DoorPorts ports;
  const DoorOptions options;
  std::unique_ptr<Context> context;  // outlives the jobs, whose ends answer calls
  jobs::JobRunner runner;
  jobs::StreamingInserts inserts;
  Uploads uploads;
  jobs::TableExpiry expiry;
  std::unique_ptr<host::WorkerPool> workers;
  http::Router router;
  std::unique_ptr<http::Server> server;
};

void BigqueryDoor::State::Work(const MethodEntry& entry, std::shared_ptr<Call> call,
                               http::Responder responder) {
  if (options.gatekeeper.identify) {
    absl::StatusOr<std::string> email = options.gatekeeper.identify(call->request);
    if (!email.ok()) return responder(ErrorResponse(email.status()));
    call->caller.email = *std::move(email);
  }
  if (std::optional<http::Response> refusal = Unpack(call->request)) {
    return responder(*std::move(refusal));
  }
  if (!call->request.body.empty() && IsJson(call->request)) {
    call->body = jobs::ParseJson(call->request.body);
    if (!call->body.is_object()) {
      const bool upload = std::string_view(entry.id).starts_with("upload.");
      if (!upload) {
        return responder(ErrorResponse(WithReason(
            absl::InvalidArgumentError("the request's body is no JSON object"), "parseError")));
      }
      call->body = json::object();
    }
  }
  Reply reply = [call, responder = std::move(responder)](absl::StatusOr<Answer> answer) mutable {
    responder(answer.ok() ? ToResponse(call->request, *std::move(answer))
                          : ErrorResponse(answer.status()));
  };
  if (entry.waiting != nullptr) return entry.waiting(*context, std::move(call), std::move(reply));
  reply(entry.method(*context, *call));
}

void BigqueryDoor::State::Handle(const MethodEntry& entry, http::Request request,
                                 http::PathParameters path, http::Responder responder) {
  struct Waiting {
    std::shared_ptr<Call> call;
    http::Responder responder;
  };
  // Shared so that the responder is still here when the pool refuses the task.
  auto waiting = std::make_shared<Waiting>();
  waiting->call = std::make_shared<Call>();
  waiting->call->request = std::move(request);
  waiting->call->path = std::move(path);
  waiting->responder = std::move(responder);
  const bool taken = workers->Submit([this, &entry, waiting] {
    Work(entry, std::move(waiting->call), std::move(waiting->responder));
  });
  if (taken) return;
  waiting->responder(
      ErrorResponse(absl::ResourceExhaustedError("too many requests wait for the warehouse")));
}

absl::StatusOr<std::unique_ptr<BigqueryDoor>> BigqueryDoor::Open(const DoorPorts& ports,
                                                                 DoorOptions options) {
  auto owned = std::make_unique<State>(ports, std::move(options));
  State* state = owned.get();
  AFLUENTE_RETURN_IF_ERROR(state->runner.Open());
  AFLUENTE_RETURN_IF_ERROR(state->inserts.Open());
  if (const auto& check = state->options.gatekeeper.check) {
    state->context->may_use = [&check](const CallerName& caller, Use use,
                                       const std::string& dataset) {
      return check(caller.email, static_cast<Access>(use), dataset);
    };
  }
  state->workers = std::make_unique<host::WorkerPool>(kThreads, kWaitingMax);
  auto add = [state](const MethodEntry& entry, const std::string& prefix) {
    return state->router.Add(entry.verb, prefix + entry.path,
                             [state, &entry](http::Request request, http::PathParameters path,
                                             http::Responder responder) {
                               state->Handle(entry, std::move(request), std::move(path),
                                             std::move(responder));
                             });
  };
  for (const MethodEntry& entry : AllMethods()) {
    AFLUENTE_RETURN_IF_ERROR(add(entry, "/bigquery/v2"));
    AFLUENTE_RETURN_IF_ERROR(add(entry, ""));  // clients that take the host for the base path
  }
  for (const MethodEntry& entry : UploadMethods()) {
    AFLUENTE_RETURN_IF_ERROR(add(entry, "/upload/bigquery/v2"));
    AFLUENTE_RETURN_IF_ERROR(add(entry, "/resumable/upload/bigquery/v2"));
  }
  const std::string& scheme = state->context->scheme;
  for (const char* path : kDiscoveryPaths) {
    AFLUENTE_RETURN_IF_ERROR(state->router.Add(
        "GET", path, [scheme](http::Request request, http::PathParameters, http::Responder done) {
          const std::string* host = request.headers.Find("Host");
          Answer answer;
          answer.body =
              DiscoveryDocument(schema::Concat(scheme, host == nullptr ? "localhost" : *host, "/"));
          done(ToResponse(request, std::move(answer)));
        }));
  }
  http::Handler handler = [state](http::Request request, http::Responder responder) {
    TakeNamedMethod(request);
    state->router.Handle(std::move(request), InGooglesForm(std::move(responder)));
  };
  // A token says who comes, whatever page or name brought it.
  if (!state->options.gatekeeper.identify) {
    handler = http::GuardLoopback(std::move(handler), state->options.hosts, "", {}, RefusalOf);
  }
  http::ServerOptions server;
  server.tls = state->options.tls;
  server.body_bytes_max = kBodyBytesMax;
  server.bodies_bytes_max = kBodiesBytesMax;
  server.refusal = RefusalOf;
  state->server = http::Server::Create(ports.io_threads, server, std::move(handler));
  return std::unique_ptr<BigqueryDoor>(new BigqueryDoor(std::move(owned)));
}

BigqueryDoor::BigqueryDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}
BigqueryDoor::~BigqueryDoor() = default;

absl::StatusOr<uint16_t> BigqueryDoor::Listen(const std::string& address) {
  return state_->server->Listen(address);
}

void BigqueryDoor::ClockStepped() { state_->expiry.DropExpired(); }

void BigqueryDoor::Stop(std::chrono::milliseconds grace) { state_->server->Stop(grace); }

}  // namespace afluente::warehouse::wire
