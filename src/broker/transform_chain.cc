#include "broker/transform_chain.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "host/check.h"
#include "schema/text.h"

namespace afluente::broker {
namespace {

using schema::Concat;

// More callers at a time make runtimes that are not kept.
constexpr size_t kIdleMax = 4;

absl::Status InFunction(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(),
                      Concat("Message transform ", name, ": ", std::string(status.message())));
}

class ScriptTransform final : public DeliveryTransform {
 public:
  explicit ScriptTransform(const std::vector<MessageTransform>& transforms) : chain_(transforms) {}

  bool empty() const { return chain_.empty(); }
  absl::StatusOr<SharedMessage> Transform(const SharedMessage& message) override {
    AFLUENTE_ASSIGN_OR_RETURN(script::Transformed made, chain_.Apply(*message));
    if (!made.has_value()) return SharedMessage();
    auto copy = std::make_shared<event::Message>();
    copy->data = std::move(made->data);
    copy->attributes = std::move(made->attributes);
    copy->ordering_key = message->ordering_key;
    copy->message_id = message->message_id;
    copy->publish_time = message->publish_time;
    copy->sequence = message->sequence;
    return SharedMessage(std::move(copy));
  }

 private:
  const TransformChain chain_;
};

}  // namespace

// One function's code and its idle runtimes.
class TransformChain::Function {
 public:
  explicit Function(MessageTransform transform) : transform_(std::move(transform)) {}

  absl::StatusOr<script::Transformed> Call(const event::Message& message) {
    absl::StatusOr<std::unique_ptr<script::JavaScript>> runtime = Take();
    if (!runtime.ok()) return InFunction(transform_.function_name, runtime.status());
    absl::StatusOr<script::Transformed> made = (*runtime)->Call(message);
    GiveBack(*std::move(runtime));
    if (!made.ok()) return InFunction(transform_.function_name, made.status());
    return made;
  }

 private:
  absl::StatusOr<std::unique_ptr<script::JavaScript>> Take() {
    {
      absl::MutexLock lock(&mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<script::JavaScript> runtime = std::move(idle_.back());
        idle_.pop_back();
        return runtime;
      }
    }
    return script::JavaScript::Compile(transform_.function_name, transform_.code, script::Limits());
  }
  void GiveBack(std::unique_ptr<script::JavaScript> runtime) {
    absl::MutexLock lock(&mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(runtime));
  }

  const MessageTransform transform_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<script::JavaScript>> idle_ ABSL_GUARDED_BY(mutex_);
};

TransformChain::TransformChain(const std::vector<MessageTransform>& transforms) {
  for (const MessageTransform& each : transforms) {
    if (!each.disabled) functions_.push_back(std::make_unique<Function>(each));
  }
}

TransformChain::~TransformChain() = default;

absl::StatusOr<script::Transformed> TransformChain::Apply(const event::Message& message) const {
  script::Transformed made;
  std::optional<event::Message> current;  // what the functions so far made of it
  for (const std::unique_ptr<Function>& function : functions_) {
    AFLUENTE_ASSIGN_OR_RETURN(made, function->Call(current.has_value() ? *current : message));
    if (!made.has_value()) return made;
    if (function == functions_.back()) return made;
    if (!current.has_value()) current = message;
    current->data = std::move(made->data);
    current->attributes = std::move(made->attributes);
  }
  return script::Transformed(event::Draft{message.data, message.attributes, message.ordering_key});
}

absl::Status CheckCompiles(const std::vector<MessageTransform>& transforms) {
  for (const MessageTransform& each : transforms) {
    absl::Status status =
        script::JavaScript::Compile(each.function_name, each.code, script::Limits()).status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(InFunction(each.function_name, status).message());
    }
  }
  return absl::OkStatus();
}

std::shared_ptr<DeliveryTransform> ScriptTransforms::Make(
    const std::vector<MessageTransform>& transforms) {
  auto transform = std::make_shared<ScriptTransform>(transforms);
  if (transform->empty()) return nullptr;
  return transform;
}

}  // namespace afluente::broker
