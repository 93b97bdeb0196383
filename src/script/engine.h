#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quickjs.h"
#include "script/javascript.h"
#include "script/stopwatch.h"

namespace afluente::script {

// One QuickJS runtime with a function's code loaded. Owned by one JavaScript; one thread at a time,
// any thread. Once broken (a limit was met, or promises were left waiting) it takes no more calls.
class Engine {
 public:
  static absl::StatusOr<std::unique_ptr<Engine>> Create(std::string_view function_name,
                                                        std::string_view code,
                                                        const Limits& limits);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  absl::StatusOr<Transformed> Call(const event::Message& message);
  absl::StatusOr<ReturnedJson> CallForJson(const event::Message& message, int64_t delivery_attempt);
  bool broken() const { return broken_; }

 private:
  explicit Engine(const Limits& limits) : limits_(limits) {}

  absl::Status Prepare();
  absl::Status Load(std::string_view function_name, std::string_view code);
  // The names of the functions on the global object that are not in `known`.
  std::vector<std::string> GlobalFunctions(const std::vector<std::string>& known);
  // Calls the function and hands what it returned to `read`.
  absl::Status Invoke(const event::Message& message, int64_t delivery_attempt,
                      absl::FunctionRef<absl::Status(JSValueConst)> read);
  absl::StatusOr<ReturnedJson> ToJson(JSValueConst result);
  absl::StatusOr<JSValue> Evaluate(std::string_view code, const char* file);
  // The pending exception as a status; breaks the engine when it tells of a limit.
  absl::Status TakeException();
  absl::Status LimitMet(std::string_view what);
  JSValue MakeMessage(const event::Message& message);
  // Without an attempt's number when that is 0.
  JSValue MakeMetadata(const event::Message& message, int64_t delivery_attempt);
  void Define(JSValueConst object, JSAtom name, std::string_view text);
  absl::StatusOr<Transformed> Convert(JSValueConst result, const event::Message& message);
  absl::Status ReadAttributes(JSValueConst object, size_t bytes_left, event::Attributes* read);
  absl::StatusOr<std::string> ReadText(JSValueConst value, std::string_view what);

  static int Interrupt(JSRuntime* runtime, void* engine);
  static JSValue Random(JSContext* context, JSValueConst self, int argc, JSValueConst* argv);
  static JSValue Now(JSContext* context, JSValueConst self, int argc, JSValueConst* argv);

  const Limits limits_;
  JSRuntime* runtime_ = nullptr;
  JSContext* context_ = nullptr;
  JSValue function_ = JS_UNDEFINED;
  JSAtom data_ = JS_ATOM_NULL;
  JSAtom attributes_ = JS_ATOM_NULL;
  JSAtom message_id_ = JS_ATOM_NULL;
  JSAtom publish_time_ = JS_ATOM_NULL;
  JSAtom ordering_key_ = JS_ATOM_NULL;
  Stopwatch stopwatch_;
  uint64_t random_ = 0;
  host::WallTime now_{};
  bool broken_ = false;
};

}  // namespace afluente::script
