#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "broker/wire/call.h"
#include "broker/wire/service.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "host/clock.h"
#include "telemetry/metrics.h"

namespace afluente::http {
class Gate;
enum class Role;
}  // namespace afluente::http

namespace afluente::broker::wire {

// Answers a call with a message, or with none and an error. The message lives until it returns.
using Completion =
    absl::AnyInvocable<void(const absl::Status&, const google::protobuf::Message* response)>;

// One RPC of the served protocol. Without `handler` it answers UNIMPLEMENTED by its name.
struct Method {
  using Handler =
      std::function<void(std::unique_ptr<google::protobuf::Message>, const Call&, Completion)>;

  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const google::protobuf::Message* request_prototype = nullptr;
  Handler handler;
  bool waits = false;  // may stay open for long: its door tells it when the caller goes away
  bool lends = false;  // waits for one sync: its door may do it (Publisher::Lend)
  http::Role role{};   // what a gate asks for
  telemetry::Histogram* seconds = nullptr;
  // By status code, made when first needed.
  mutable std::array<std::atomic<telemetry::Counter*>, 17> requests{};
};

// Every method of Publisher, Subscriber, SchemaService and IAMPolicy, for the doors to serve.
// Built once, then immutable; calls come from any thread and are counted here.
class MethodTable {
 public:
  // `gate` decides who may call what; nullptr: everybody. All outlive the table.
  MethodTable(Service& service, telemetry::Metrics& metrics, const host::Clock& clock,
              http::Gate* gate);

  const std::vector<const google::protobuf::ServiceDescriptor*>& services() const {
    return services_;
  }
  const Method& Get(const google::protobuf::MethodDescriptor& descriptor) const;

  // Whether Call::authorization matters.
  bool is_gated() const { return gate_ != nullptr; }
  // Whether who sends `authorization` may call it; `decided` as Gate's.
  void Admit(const Method& method, const std::string& authorization,
             absl::AnyInvocable<void(const absl::Status&)> decided) const;

  // Answers one call, when it is admitted. `request` is of the method's input type.
  void Run(const Method& method, std::unique_ptr<google::protobuf::Message> request,
           const Call& call, Completion done) const;

 private:
  void HandleResources();
  void Answer(const Method& method, std::unique_ptr<google::protobuf::Message> request,
              const Call& call, Completion done) const;
  template <typename Request, typename Response>
  void Handle(const char* name, void (Service::*function)(Request&, const Call&, Reply<Response>));
  void CountRequest(const Method& method, absl::StatusCode code) const;

  Service& service_;
  telemetry::Metrics& metrics_;
  const host::Clock& clock_;
  http::Gate* const gate_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
  std::map<const google::protobuf::MethodDescriptor*, Method> methods_;
};

absl::Status UnimplementedMethod(const google::protobuf::MethodDescriptor& method);

}  // namespace afluente::broker::wire
