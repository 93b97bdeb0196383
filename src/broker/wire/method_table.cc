#include "broker/wire/method_table.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "http/gate.h"
#include "telemetry/metric_names.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// Roles of the specification over Pub/Sub's methods: reading what there is, consuming, publishing,
// and changing what there is.
http::Role RoleOf(const std::string& name) {
  static constexpr std::string_view kConsuming[] = {
      "Pull", "StreamingPull",  "Acknowledge",    "ModifyAckDeadline",
      "Seek", "CreateSnapshot", "UpdateSnapshot", "DeleteSnapshot"};
  static constexpr std::string_view kReading[] = {"Get", "List", "Validate", "Test"};
  if (name == "Publish") return http::Role::kPublisher;
  for (const std::string_view each : kConsuming) {
    if (name == each) return http::Role::kOperator;
  }
  for (const std::string_view each : kReading) {
    if (name.starts_with(each)) return http::Role::kViewer;
  }
  return http::Role::kAdmin;
}

}  // namespace

absl::Status UnimplementedMethod(const MethodDescriptor& method) {
  return absl::UnimplementedError(
      absl::StrCat("Afluente does not support the method ", method.full_name(), "."));
}

MethodTable::MethodTable(Service& service, telemetry::Metrics& metrics, const host::Clock& clock,
                         http::Gate* gate)
    : service_(service), metrics_(metrics), clock_(clock), gate_(gate) {
  const auto* pubsub_file = pubsub::Topic::descriptor()->file();
  const auto* schema_file = pubsub::Schema::descriptor()->file();
  const auto* iam_file = google::iam::v1::SetIamPolicyRequest::descriptor()->file();
  const auto* transforms_file = transforms::TestMessageTransformsRequest::descriptor()->file();
  for (const auto* file : {pubsub_file, schema_file, iam_file, transforms_file}) {
    for (int i = 0; i < file->service_count(); ++i) services_.push_back(file->service(i));
  }
  for (const auto* served : services_) {
    for (int i = 0; i < served->method_count(); ++i) {
      const MethodDescriptor* descriptor = served->method(i);
      Method& method = methods_[descriptor];
      method.descriptor = descriptor;
      method.role = RoleOf(descriptor->name());
      method.request_prototype =
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(
              descriptor->input_type());
      method.seconds = &metrics.GetHistogram(telemetry::kPubsubRequestSeconds,
                                             "Time from a request to its answer.",
                                             {{"method", descriptor->name()}});
    }
  }
  Handle("google.pubsub.v1.Publisher.CreateTopic", &Service::CreateTopic);
  Handle("google.pubsub.v1.Publisher.UpdateTopic", &Service::UpdateTopic);
  Handle("google.pubsub.v1.Publisher.Publish", &Service::Publish);
  Handle("google.pubsub.v1.Publisher.GetTopic", &Service::GetTopic);
  Handle("google.pubsub.v1.Publisher.ListTopics", &Service::ListTopics);
  Handle("google.pubsub.v1.Publisher.ListTopicSubscriptions", &Service::ListTopicSubscriptions);
  Handle("google.pubsub.v1.Publisher.DeleteTopic", &Service::DeleteTopic);
  Handle("google.pubsub.v1.Subscriber.CreateSubscription", &Service::CreateSubscription);
  Handle("google.pubsub.v1.Subscriber.GetSubscription", &Service::GetSubscription);
  Handle("google.pubsub.v1.Subscriber.UpdateSubscription", &Service::UpdateSubscription);
  Handle("google.pubsub.v1.Subscriber.ListSubscriptions", &Service::ListSubscriptions);
  Handle("google.pubsub.v1.Subscriber.DeleteSubscription", &Service::DeleteSubscription);
  Handle("google.pubsub.v1.Subscriber.ModifyAckDeadline", &Service::ModifyAckDeadline);
  Handle("google.pubsub.v1.Subscriber.Acknowledge", &Service::Acknowledge);
  Handle("google.pubsub.v1.Subscriber.Pull", &Service::Pull);
  HandleResources();
}

void MethodTable::HandleResources() {
  Handle("google.pubsub.v1.Publisher.DetachSubscription", &Service::DetachSubscription);
  Handle("google.pubsub.v1.Publisher.ListTopicSnapshots", &Service::ListTopicSnapshots);
  Handle("google.pubsub.v1.Subscriber.ModifyPushConfig", &Service::ModifyPushConfig);
  Handle("google.pubsub.v1.Subscriber.CreateSnapshot", &Service::CreateSnapshot);
  Handle("google.pubsub.v1.Subscriber.GetSnapshot", &Service::GetSnapshot);
  Handle("google.pubsub.v1.Subscriber.UpdateSnapshot", &Service::UpdateSnapshot);
  Handle("google.pubsub.v1.Subscriber.ListSnapshots", &Service::ListSnapshots);
  Handle("google.pubsub.v1.Subscriber.DeleteSnapshot", &Service::DeleteSnapshot);
  Handle("google.pubsub.v1.Subscriber.Seek", &Service::Seek);
  Handle("google.pubsub.v1.SchemaService.CreateSchema", &Service::CreateSchema);
  Handle("google.pubsub.v1.SchemaService.GetSchema", &Service::GetSchema);
  Handle("google.pubsub.v1.SchemaService.ListSchemas", &Service::ListSchemas);
  Handle("google.pubsub.v1.SchemaService.ListSchemaRevisions", &Service::ListSchemaRevisions);
  Handle("google.pubsub.v1.SchemaService.CommitSchema", &Service::CommitSchema);
  Handle("google.pubsub.v1.SchemaService.RollbackSchema", &Service::RollbackSchema);
  Handle("google.pubsub.v1.SchemaService.DeleteSchemaRevision", &Service::DeleteSchemaRevision);
  Handle("google.pubsub.v1.SchemaService.DeleteSchema", &Service::DeleteSchema);
  Handle("google.pubsub.v1.SchemaService.ValidateSchema", &Service::ValidateSchema);
  Handle("google.pubsub.v1.SchemaService.ValidateMessage", &Service::ValidateMessage);
  Handle("afluente.pubsub.v1.MessageTransformService.ValidateMessageTransform",
         &Service::ValidateMessageTransform);
  Handle("afluente.pubsub.v1.MessageTransformService.TestMessageTransforms",
         &Service::TestMessageTransforms);
  Handle("google.iam.v1.IAMPolicy.SetIamPolicy", &Service::SetIamPolicy);
  Handle("google.iam.v1.IAMPolicy.GetIamPolicy", &Service::GetIamPolicy);
  Handle("google.iam.v1.IAMPolicy.TestIamPermissions", &Service::TestIamPermissions);
}

template <typename Request, typename Response>
void MethodTable::Handle(const char* name,
                         void (Service::*function)(Request&, const Call&, Reply<Response>)) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  AFLUENTE_CHECK(descriptor != nullptr && methods_.contains(descriptor));
  AFLUENTE_CHECK(descriptor->input_type() == Request::descriptor());
  AFLUENTE_CHECK(descriptor->output_type() == Response::descriptor());
  Method& method = methods_[descriptor];
  method.waits = std::is_same_v<Request, pubsub::PullRequest>;
  method.lends = std::is_same_v<Request, pubsub::PublishRequest> ||
                 std::is_same_v<Request, pubsub::AcknowledgeRequest>;
  method.handler = [&service = service_, function](std::unique_ptr<Message> request,
                                                   const Call& call, Completion done) {
    (service.*function)(static_cast<Request&>(*request), call,
                        [done = std::move(done)](absl::StatusOr<Response> response) mutable {
                          if (response.ok())
                            done(absl::OkStatus(), &*response);
                          else
                            done(response.status(), nullptr);
                        });
  };
}

const Method& MethodTable::Get(const MethodDescriptor& descriptor) const {
  auto it = methods_.find(&descriptor);
  AFLUENTE_CHECK(it != methods_.end());
  return it->second;
}

void MethodTable::Admit(const Method& method, const std::string& authorization,
                        absl::AnyInvocable<void(const absl::Status&)> decided) const {
  if (gate_ == nullptr) return decided(absl::OkStatus());
  gate_->Check({authorization, method.role},
               [this, &method,
                decided = std::move(decided)](const absl::StatusOr<std::string>& caller) mutable {
                 if (!caller.ok()) CountRequest(method, caller.status().code());
                 decided(caller.status());
               });
}

void MethodTable::Run(const Method& method, std::unique_ptr<Message> request, const Call& call,
                      Completion done) const {
  if (gate_ == nullptr) return Answer(method, std::move(request), call, std::move(done));
  Admit(method, call.authorization,
        [this, &method, call, request = std::move(request),
         done = std::move(done)](const absl::Status& admitted) mutable {
          if (!admitted.ok()) return done(admitted, nullptr);
          Answer(method, std::move(request), call, std::move(done));
        });
}

void MethodTable::Answer(const Method& method, std::unique_ptr<Message> request, const Call& call,
                         Completion done) const {
  if (!method.handler) {
    CountRequest(method, absl::StatusCode::kUnimplemented);
    return done(UnimplementedMethod(*method.descriptor), nullptr);
  }
  const host::MonotonicTime start = clock_.Monotonic();
  method.handler(
      std::move(request), call,
      [this, &method, start, done = std::move(done)](const absl::Status& status,
                                                     const Message* response) mutable {
        method.seconds->Observe(std::chrono::duration<double>(clock_.Monotonic() - start).count());
        CountRequest(method, status.code());
        done(status, response);
      });
}

void MethodTable::CountRequest(const Method& method, absl::StatusCode code) const {
  auto& slot = method.requests[static_cast<size_t>(code) % method.requests.size()];
  telemetry::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &metrics_.GetCounter(
        telemetry::kPubsubRequests, "Answered requests by method and status.",
        {{"method", method.descriptor->name()}, {"code", absl::StatusCodeToString(code)}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Add();
}

}  // namespace afluente::broker::wire
