#include "api/api.h"

#include <set>
#include <utility>

#include "api/answer_cache.h"
#include "api/answer_format.h"
#include "api/cors.h"
#include "api/docs_page.h"
#include "api/endpoint.h"
#include "api/endpoint_query.h"
#include "api/live_document.h"
#include "api/live_tail.h"
#include "api/request_id.h"
#include "api/request_metrics.h"
#include "api/traced.h"
#include "host/check.h"
#include "host/clock.h"
#include "host/random.h"
#include "http/loopback_guard.h"
#include "http/preflight.h"
#include "http/problem.h"
#include "http/router.h"
#include "schema/text.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"
#include "warehouse/warehouse.h"

namespace afluente::api {
namespace {

// The page runs its own script and style, talks to its own origin and is framed by nobody.
constexpr char kDocsPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr char kHealth[] = "/health";
constexpr char kDocument[] = "/openapi.json";
// Where formats have suffixes of the path, so has the live tail.
constexpr char kTailSuffix[] = ":tail";

http::Response Page(std::string content_type, std::string body) {
  http::Response response = http::Response::Text(200, std::move(content_type), std::move(body));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.headers.Add("Content-Security-Policy", kDocsPolicy);
  response.headers.Add("Cache-Control", "no-cache");
  return response;
}

const host::SystemClock kSystemClock;

http::Response ForeignPage() {
  return http::Problem(403, "Forbidden", "pages of this origin may not read this endpoint");
}

class RoutedApi final : public Api {
 public:
  RoutedApi(host::WorkerPool& workers, telemetry::Metrics& metrics, ApiOptions options)
      : options_(std::move(options)),
        workers_(workers),
        metrics_(metrics),
        clock_(options_.clock == nullptr ? kSystemClock : *options_.clock),
        cache_(options_.cache_bytes_max),
        tail_(workers, clock_),
        unrouted_(metrics, "") {
    if (options_.endpoints.secret.empty()) options_.endpoints.secret = host::RandomBytes(32);
  }

  absl::Status AddEndpoint(const spec::Endpoint& endpoint, warehouse::Warehouse& warehouse,
                           host::WorkerPool& workers) {
    const EndpointPorts ports{warehouse, workers, metrics_, clock_, cache_, tail_};
    AFLUENTE_ASSIGN_OR_RETURN(auto served,
                              ServedEndpoint::Create(endpoint, ports, options_.endpoints));
    ServedEndpoint* const raw = served.get();
    endpoints_.push_back(std::move(served));
    origins_.insert(origins_.end(), endpoint.cors.begin(), endpoint.cors.end());
    return raw->query().Locate(AddRoutes(raw));
  }

  absl::Status AddRoutes(ServedEndpoint* raw) {
    const spec::Endpoint& endpoint = raw->endpoint();
    if (endpoint.path == "/docs" || endpoint.path.starts_with("/docs/") ||
        endpoint.path == kHealth || endpoint.path == kDocument) {
      return absl::InvalidArgumentError(
          "/health, /openapi.json, /docs and /docs/... are the API's own paths");
    }
    AFLUENTE_RETURN_IF_ERROR(AddRoute(raw, endpoint.path, std::nullopt));
    if (!raw->HasSuffixes()) return absl::OkStatus();
    for (const FormatName& offered : OfferedFormats()) {
      AFLUENTE_RETURN_IF_ERROR(
          AddRoute(raw, schema::Concat(endpoint.path, offered.suffix), offered.format));
    }
    return AddRoute(raw, endpoint.path + kTailSuffix, std::nullopt);
  }

  absl::Status AddRoute(ServedEndpoint* raw, const std::string& path,
                        std::optional<AnswerFormat> format) {
    const bool tails = path == raw->endpoint().path + kTailSuffix;
    AFLUENTE_RETURN_IF_ERROR(router_.Add(
        "GET", path,
        [this, raw, format, tails](http::Request request, http::PathParameters parameters,
                                   http::Responder responder) {
          const auto caller = CallerOf(request, raw->endpoint().path);
          if (!caller.ok()) return responder(Refusal(caller.status()));
          if (!MayRead(*raw, request)) return responder(ForeignPage());
          if (tails) request.headers.Set("Accept", "text/event-stream");
          raw->Serve(format, *caller, std::move(request), parameters, std::move(responder));
        }));
    return router_.Add("OPTIONS", path,
                       [this, raw](const http::Request& request, const http::PathParameters&,
                                   http::Responder responder) {
                         // Nobody says who they are in a preflight.
                         if (!raw->cors().any() || !http::IsPreflight(request)) {
                           const auto caller = CallerOf(request, raw->endpoint().path);
                           if (!caller.ok()) return responder(Refusal(caller.status()));
                         }
                         raw->Options(request, std::move(responder));
                       });
  }

  absl::Status AddOwnPages() {
    std::vector<const ServedEndpoint*> endpoints;
    for (const auto& endpoint : endpoints_) endpoints.push_back(endpoint.get());
    AFLUENTE_RETURN_IF_ERROR(AddPage(kHealth, http::Response::Json(200, "{\"status\":\"ok\"}")));
    document_ = std::make_unique<LiveDocument>(std::move(endpoints), options_.title,
                                               options_.version, workers_, clock_);
    AFLUENTE_RETURN_IF_ERROR(AddDocument());
    AFLUENTE_RETURN_IF_ERROR(
        AddPage("/docs", Page("text/html; charset=utf-8", std::string(kDocsHtml))));
    AFLUENTE_RETURN_IF_ERROR(
        AddPage("/docs/app.js", Page("text/javascript; charset=utf-8", std::string(kDocsScript))));
    AFLUENTE_RETURN_IF_ERROR(
        AddPage("/docs/form.js", Page("text/javascript; charset=utf-8", std::string(kDocsForm))));
    AFLUENTE_RETURN_IF_ERROR(
        AddPage("/docs/style.css", Page("text/css; charset=utf-8", std::string(kDocsStyle))));
    // The page's own links are relative to "/docs".
    http::Response moved = Page("text/plain", "");
    moved.status = 308;
    moved.headers.Add("Location", "../docs");
    AFLUENTE_RETURN_IF_ERROR(AddPage("/docs/", std::move(moved)));
    router_.OnRefusal([this](int status) { unrouted_.Record(status, {}); });
    return absl::OkStatus();
  }

  void StopTails() override { tail_.Stop(); }

  http::Handler handler() override {
    http::Handler guarded = WithRequestId(Guarded());
    if (options_.tracer == nullptr) return guarded;
    return Traced(*options_.tracer, router_, std::move(guarded));
  }

 private:
  http::Handler Guarded() {
    http::Handler routed = [this](http::Request request, http::Responder responder) {
      router_.Handle(std::move(request), std::move(responder));
    };
    // A page of another site cannot add the assertion, so that it is guard enough.
    if (options_.guard) return options_.guard(std::move(routed));
    return http::GuardLoopback(std::move(routed), options_.hosts, kHealth, origins_);
  }

  absl::Status AddPage(const std::string& path, http::Response response) {
    auto& measured = *pages_.emplace_back(std::make_unique<RequestMetrics>(metrics_, path));
    return router_.Add(
        "GET", path,
        [this, path, &measured, response = std::move(response)](
            const http::Request& request, http::PathParameters, http::Responder responder) {
          responder = measured.Measure(std::move(responder));
          if (path != kHealth) {
            const auto caller = CallerOf(request, path);
            if (!caller.ok()) return responder(Refusal(caller.status()));
          }
          responder(response);
        });
  }

  absl::Status AddDocument() {
    auto& measured = *pages_.emplace_back(std::make_unique<RequestMetrics>(metrics_, kDocument));
    return router_.Add("GET", kDocument,
                       [this, &measured](const http::Request& request, http::PathParameters,
                                         http::Responder responder) {
                         responder = measured.Measure(std::move(responder));
                         const auto caller = CallerOf(request, kDocument);
                         if (!caller.ok()) return responder(Refusal(caller.status()));
                         document_->Answer(ShownTo(request), AsPage(std::move(responder)));
                       });
  }

  // The endpoints whose rows may be in the document that answers a request.
  std::set<std::string> ShownTo(const http::Request& request) const {
    std::set<std::string> shown;
    for (const auto& endpoint : endpoints_) {
      const std::string& path = endpoint->endpoint().path;
      if (!options_.may_use || options_.may_use(request, path)) shown.insert(path);
    }
    return shown;
  }

  http::Responder AsPage(http::Responder responder) const {
    std::string vary = options_.endpoints.caller_fields;
    return [vary = std::move(vary),
            responder = std::move(responder)](http::Response response) mutable {
      http::Response page = Page("application/json", std::move(response.body));
      if (!vary.empty()) page.headers.Add("Vary", vary);
      page.headers.Set("Cache-Control", "private, no-cache");
      responder(std::move(page));
    };
  }

  // The door lets in every origin that some endpoint lists.
  bool MayRead(const ServedEndpoint& endpoint, const http::Request& request) const {
    const std::string* origin = request.headers.Find("Origin");
    return origin == nullptr || endpoint.cors().Allows(*origin) ||
           http::IsLoopbackOrigin(*origin, options_.hosts);
  }

  absl::StatusOr<Caller> CallerOf(const http::Request& request, const std::string& path) const {
    Caller caller;
    if (options_.identify) {
      AFLUENTE_ASSIGN_OR_RETURN(caller, options_.identify(request, path));
    }
    caller.address = request.remote_address;
    return caller;
  }

  static http::Response Refusal(const absl::Status& status) {
    http::Response response = http::Problem(status);
    response.headers.Add("Cache-Control", "no-store");
    return response;
  }

  ApiOptions options_;
  host::WorkerPool& workers_;
  telemetry::Metrics& metrics_;
  const host::Clock& clock_;
  AnswerCache cache_;
  LiveTail tail_;
  std::vector<std::string> origins_;  // that some endpoint lets in
  RequestMetrics unrouted_;
  std::vector<std::unique_ptr<ServedEndpoint>> endpoints_;
  std::unique_ptr<LiveDocument> document_;
  std::vector<std::unique_ptr<RequestMetrics>> pages_;
  http::Router router_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Api>> Api::Create(const std::vector<spec::Endpoint>& endpoints,
                                                 warehouse::Warehouse& warehouse,
                                                 host::WorkerPool& workers,
                                                 telemetry::Metrics& metrics, ApiOptions options) {
  AFLUENTE_CHECK(options.endpoints.parquet != nullptr);
  auto api = std::make_unique<RoutedApi>(workers, metrics, std::move(options));
  for (const spec::Endpoint& endpoint : endpoints) {
    AFLUENTE_RETURN_IF_ERROR(api->AddEndpoint(endpoint, warehouse, workers));
  }
  AFLUENTE_RETURN_IF_ERROR(api->AddOwnPages());
  return std::unique_ptr<Api>(std::move(api));
}

}  // namespace afluente::api
