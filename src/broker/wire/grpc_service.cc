#include "broker/wire/grpc_service.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "broker/publisher.h"
#include "broker/wire/grpc_bytes.h"
#include "broker/wire/streaming_pull.h"
#include "host/cancellation.h"

namespace afluente::broker::wire {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using UnaryHandler = grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>;
using BidiHandler = grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>;

// The reactor of a call that waits: passes its cancellation on. Frees itself when gRPC is done with
// it, which is after the answer.
class WaitingReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit WaitingReactor(std::shared_ptr<host::Cancellation> cancellation)
      : cancellation_(std::move(cancellation)) {}
  void OnCancel() override { cancellation_->Cancel(); }
  void OnDone() override { delete this; }

 private:
  // Shared with the waiting call.
  const std::shared_ptr<host::Cancellation> cancellation_;
};

std::chrono::milliseconds TimeLeft(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max())
    return std::chrono::milliseconds::max();
  return std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                               std::chrono::system_clock::now());
}

// Exactly one field, else none.
std::string AuthorizationOf(const grpc::CallbackServerContext& context) {
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end || std::next(begin) != end) return "";
  return {begin->second.data(), begin->second.size()};
}

grpc::ServerUnaryReactor* RunUnary(const MethodTable& methods, Publisher& publisher,
                                   const Method& method, grpc::CallbackServerContext& context,
                                   const grpc::ByteBuffer& bytes, grpc::ByteBuffer& answer) {
  grpc::ServerUnaryReactor* reactor = nullptr;
  Call call;
  if (methods.is_gated()) call.authorization = AuthorizationOf(context);
  if (method.waits) {
    call.time_left = TimeLeft(context);
    call.cancellation = std::make_shared<host::Cancellation>();
    reactor = new WaitingReactor(call.cancellation);
  } else {
    reactor = context.DefaultReactor();
  }
  std::unique_ptr<Message> request(method.request_prototype->New());
  if (absl::Status status = ParseBytes(bytes, *request); !status.ok()) {
    reactor->Finish(ToGrpc(status));
    return reactor;
  }
  const auto run = [&] {
    methods.Run(method, std::move(request), call,
                [reactor, &answer](const absl::Status& status, const Message* response) {
                  if (status.ok())
                    reactor->Finish(SerializeTo(*response, answer));
                  else
                    reactor->Finish(ToGrpc(status));
                });
  };
  // An answer that gRPC's own thread gives costs a fifth of one from the journal's, so that thread
  // does the sync too; another one serves the other calls meanwhile.
  if (method.lends)
    publisher.Lend(run);
  else
    run();
  return reactor;
}

}  // namespace

GrpcService::GrpcService(const google::protobuf::ServiceDescriptor& descriptor,
                         const MethodTable& methods, wire::Service& service) {
  using grpc::internal::RpcMethod;
  using grpc::internal::RpcServiceMethod;
  for (int i = 0; i < descriptor.method_count(); ++i) {
    const MethodDescriptor& method = *descriptor.method(i);
    const std::string& path =
        paths_.emplace_back(absl::StrCat("/", descriptor.full_name(), "/", method.name()));
    if (method.client_streaming() || method.server_streaming()) {
      AddMethod(new RpcServiceMethod(path.c_str(), RpcMethod::BIDI_STREAMING, nullptr));
      MarkMethodRawCallback(
          i, new BidiHandler([&methods, &service,
                              &served = methods.Get(method)](grpc::CallbackServerContext* context) {
            return OpenStreamingPull(
                service,
                [&methods, &served, authorization = AuthorizationOf(*context)](auto admitted) {
                  methods.Admit(served, authorization, std::move(admitted));
                });
          }));
      continue;
    }
    AddMethod(new RpcServiceMethod(path.c_str(), RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        i, new UnaryHandler([&methods, &service, &served = methods.Get(method)](
                                grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                grpc::ByteBuffer* answer) {
          return RunUnary(methods, service.publisher(), served, *context, *bytes, *answer);
        }));
  }
}

}  // namespace afluente::broker::wire
