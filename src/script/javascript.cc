#include "script/javascript.h"

#include <utility>

#include "host/check.h"
#include "script/engine.h"

namespace afluente::script {
namespace {

class QuickJs final : public JavaScript {
 public:
  QuickJs(std::string_view function_name, std::string_view code, const Limits& limits,
          std::unique_ptr<Engine> engine)
      : function_name_(function_name), code_(code), limits_(limits), engine_(std::move(engine)) {}

  absl::StatusOr<Transformed> Call(const event::Message& message) override {
    AFLUENTE_RETURN_IF_ERROR(Renew());
    return engine_->Call(message);
  }
  absl::StatusOr<ReturnedJson> CallForJson(const event::Message& message,
                                           int64_t delivery_attempt) override {
    AFLUENTE_RETURN_IF_ERROR(Renew());
    return engine_->CallForJson(message, delivery_attempt);
  }

 private:
  // After a limit was met the code starts afresh.
  absl::Status Renew() {
    if (engine_ != nullptr && !engine_->broken()) return absl::OkStatus();
    engine_.reset();
    AFLUENTE_ASSIGN_OR_RETURN(engine_, Engine::Create(function_name_, code_, limits_));
    return absl::OkStatus();
  }

  const std::string function_name_;
  const std::string code_;
  const Limits limits_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JavaScript>> JavaScript::Compile(std::string_view function_name,
                                                                std::string_view code,
                                                                const Limits& limits) {
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                            Engine::Create(function_name, code, limits));
  return std::unique_ptr<JavaScript>(new QuickJs(function_name, code, limits, std::move(engine)));
}

}  // namespace afluente::script
