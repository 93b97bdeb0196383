#include "script/engine.h"

#include <algorithm>
#include <utility>

#include "host/check.h"
#include "schema/format_value.h"
#include "schema/text.h"
#include "schema/utf8.h"

namespace afluente::script {
namespace {

using schema::Concat;

constexpr char kFile[] = "function.js";
constexpr size_t kErrorBytesMax = 1000;
constexpr uint32_t kAttributesMax = 1000;  // far beyond Pub/Sub's, which is checked later

// Puts the message's time and a seeded generator in the place of the machine's, out of reach of the
// code that comes after.
constexpr char kPrelude[] = R"js((function (random, now) {
  const Machine = Date;
  function Date_(...parts) {
    if (!new.target) return new Machine(now()).toString();
    return Reflect.construct(Machine, parts.length ? parts : [now()], new.target);
  }
  const define = (object, name, value) => Object.defineProperty(
      object, name, {value, writable: true, enumerable: false, configurable: true});
  define(Date_, 'name', 'Date');
  define(Date_, 'length', 7);
  define(Date_, 'now', now);
  define(Date_, 'parse', Machine.parse);
  define(Date_, 'UTC', Machine.UTC);
  Object.defineProperty(Date_, 'prototype', {value: Machine.prototype, writable: false});
  define(Machine.prototype, 'constructor', Date_);
  define(globalThis, 'Date', Date_);
  define(Math, 'random', random);
}))js";

class Value {
 public:
  Value(JSContext* context, JSValue value) : context_(context), value_(value) {}
  ~Value() { JS_FreeValue(context_, value_); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  JSValueConst get() const { return value_; }
  bool is_exception() const { return JS_IsException(value_); }

 private:
  JSContext* const context_;
  const JSValue value_;
};

uint64_t Hash(std::string_view text) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

bool IsIdentifier(std::string_view name) {
  if (name.empty() || schema::IsDigit(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return schema::IsAlpha(c) || schema::IsDigit(c) || c == '_' || c == '$';
  });
}

// "line 3" of a stack's first frame in the function's code; empty when there is none.
std::string LineOf(std::string_view stack) {
  size_t at = stack.find(Concat(kFile, ":"));
  if (at == std::string_view::npos) return "";
  std::string_view rest = stack.substr(at + sizeof(kFile));
  std::string_view line = rest.substr(0, rest.find_first_not_of("0123456789"));
  rest.remove_prefix(line.size());
  if (line.empty()) return "";
  if (rest.empty() || rest.front() != ':') return Concat("line ", line);
  rest.remove_prefix(1);
  return Concat("line ", line, " column ", rest.substr(0, rest.find_first_not_of("0123456789")));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(std::string_view function_name,
                                                       std::string_view code,
                                                       const Limits& limits) {
  if (!function_name.empty() && !IsIdentifier(function_name)) {
    return absl::InvalidArgumentError("the function's name is not a name in JavaScript");
  }
  if (code.size() > limits.code_bytes_max) {
    return absl::InvalidArgumentError(
        Concat("the code has ", code.size(), " bytes; the limit is ", limits.code_bytes_max));
  }
  if (!schema::IsUtf8(code)) return absl::InvalidArgumentError("the code is not UTF-8");
  std::unique_ptr<Engine> engine(new Engine(limits));
  ScopedStopwatch scope(&engine->stopwatch_);
  engine->stopwatch_.Start(limits.time_max);
  AFLUENTE_RETURN_IF_ERROR(engine->Prepare());
  AFLUENTE_RETURN_IF_ERROR(engine->Load(function_name, code));
  return engine;
}

Engine::~Engine() {
  if (context_ != nullptr) {
    for (JSAtom atom : {data_, attributes_, message_id_, publish_time_, ordering_key_}) {
      JS_FreeAtom(context_, atom);
    }
    JS_FreeValue(context_, function_);
    JS_FreeContext(context_);
  }
  if (runtime_ != nullptr) JS_FreeRuntime(runtime_);
}

absl::Status Engine::Prepare() {
  runtime_ = JS_NewRuntime();
  if (runtime_ == nullptr) return absl::ResourceExhaustedError("no memory for JavaScript");
  JS_SetMemoryLimit(runtime_, limits_.memory_bytes_max);
  JS_SetMaxStackSize(runtime_, limits_.stack_bytes_max);
  JS_UpdateStackTop(runtime_);
  JS_SetInterruptHandler(runtime_, &Engine::Interrupt, this);
  context_ = JS_NewContextRaw(runtime_);
  if (context_ == nullptr) return absl::ResourceExhaustedError("no memory for JavaScript");
  JS_SetContextOpaque(context_, this);
  if (JS_AddIntrinsicBaseObjects(context_) != 0 || JS_AddIntrinsicDate(context_) != 0 ||
      JS_AddIntrinsicEval(context_) != 0 || JS_AddIntrinsicRegExp(context_) != 0 ||
      JS_AddIntrinsicJSON(context_) != 0 || JS_AddIntrinsicProxy(context_) != 0 ||
      JS_AddIntrinsicMapSet(context_) != 0 || JS_AddIntrinsicTypedArrays(context_) != 0 ||
      JS_AddIntrinsicPromise(context_) != 0) {
    return absl::ResourceExhaustedError("no memory for JavaScript");
  }
  data_ = JS_NewAtom(context_, "data");
  attributes_ = JS_NewAtom(context_, "attributes");
  message_id_ = JS_NewAtom(context_, "message_id");
  publish_time_ = JS_NewAtom(context_, "publish_time");
  ordering_key_ = JS_NewAtom(context_, "ordering_key");

  AFLUENTE_ASSIGN_OR_RETURN(JSValue prelude, Evaluate(kPrelude, "prelude.js"));
  Value owned(context_, prelude);
  Value random(context_, JS_NewCFunction(context_, &Engine::Random, "random", 0));
  Value now(context_, JS_NewCFunction(context_, &Engine::Now, "now", 0));
  JSValueConst arguments[] = {random.get(), now.get()};
  Value done(context_, JS_Call(context_, prelude, JS_UNDEFINED, 2, arguments));
  return done.is_exception() ? TakeException() : absl::OkStatus();
}

absl::StatusOr<JSValue> Engine::Evaluate(std::string_view code, const char* file) {
  std::string terminated(code);  // JS_Eval reads the byte after the end
  JSValue value =
      JS_Eval(context_, terminated.c_str(), terminated.size(), file, JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(value)) return TakeException();
  return value;
}

std::vector<std::string> Engine::GlobalFunctions(const std::vector<std::string>& known) {
  std::vector<std::string> functions;
  Value global(context_, JS_GetGlobalObject(context_));
  JSPropertyEnum* names = nullptr;
  uint32_t count = 0;
  if (JS_GetOwnPropertyNames(context_, &names, &count, global.get(), JS_GPN_STRING_MASK) != 0) {
    JS_FreeValue(context_, JS_GetException(context_));
    return functions;
  }
  for (uint32_t i = 0; i < count; ++i) {
    Value value(context_, JS_GetProperty(context_, global.get(), names[i].atom));
    const char* name = JS_AtomToCString(context_, names[i].atom);
    if (name == nullptr) continue;
    const bool is_new = std::find(known.begin(), known.end(), name) == known.end();
    if (is_new && JS_IsFunction(context_, value.get())) functions.emplace_back(name);
    JS_FreeCString(context_, name);
  }
  JS_FreePropertyEnum(context_, names, count);
  return functions;
}

absl::Status Engine::Load(std::string_view function_name, std::string_view code) {
  std::string name(function_name);
  std::vector<std::string> before;
  if (name.empty()) before = GlobalFunctions({});
  AFLUENTE_ASSIGN_OR_RETURN(JSValue loaded, Evaluate(code, kFile));
  JS_FreeValue(context_, loaded);
  if (name.empty()) {
    const std::vector<std::string> declared = GlobalFunctions(before);
    name = declared.size() == 1 ? declared[0] : "transform";
  }
  // Evaluated, because `const f = ...` is not a property of the global object.
  absl::StatusOr<JSValue> function = Evaluate(name, "name.js");
  if (function.ok()) function_ = *function;
  if (JS_IsFunction(context_, function_)) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("the code has no function ", name));
}

int Engine::Interrupt(JSRuntime*, void* engine) {
  return static_cast<Engine*>(engine)->stopwatch_.IsOver() ? 1 : 0;
}

JSValue Engine::Random(JSContext* context, JSValueConst, int, JSValueConst*) {
  // SplitMix64; 53 bits make the fraction.
  uint64_t& state = static_cast<Engine*>(JS_GetContextOpaque(context))->random_;
  uint64_t bits = (state += 0x9e3779b97f4a7c15u);
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  bits ^= bits >> 31;
  return JS_NewFloat64(context, static_cast<double>(bits >> 11) * 0x1p-53);
}

JSValue Engine::Now(JSContext* context, JSValueConst, int, JSValueConst*) {
  auto* engine = static_cast<Engine*>(JS_GetContextOpaque(context));
  auto millis = std::chrono::floor<std::chrono::milliseconds>(engine->now_);
  return JS_NewFloat64(context, static_cast<double>(millis.time_since_epoch().count()));
}

absl::Status Engine::LimitMet(std::string_view what) {
  broken_ = true;
  return absl::ResourceExhaustedError(
      what == "time"     ? Concat("ran longer than ", limits_.time_max.count(), " ms")
      : what == "memory" ? Concat("used more than ", limits_.memory_bytes_max, " bytes of memory")
                         : Concat("used more than ", limits_.stack_bytes_max, " bytes of stack"));
}

absl::Status Engine::TakeException() {
  Value exception(context_, JS_GetException(context_));
  if (stopwatch_.IsOver()) return LimitMet("time");
  // Without memory for an error there is null instead of one.
  if (!JS_IsObject(exception.get()) && !JS_IsString(exception.get()) &&
      !JS_IsNumber(exception.get())) {
    if (JS_IsNull(exception.get()) || JS_IsUninitialized(exception.get())) {
      return LimitMet("memory");
    }
  }
  // These run the code's own toString and getters: what they throw is dropped.
  std::string text = "an error that has no text";
  if (const char* chars = JS_ToCString(context_, exception.get())) {
    text.assign(chars, std::min(std::string_view(chars).size(), kErrorBytesMax));
    JS_FreeCString(context_, chars);
  }
  std::string line;
  if (JS_IsError(exception.get())) {
    Value stack(context_, JS_GetPropertyStr(context_, exception.get(), "stack"));
    if (JS_IsString(stack.get())) {
      if (const char* chars = JS_ToCString(context_, stack.get())) {
        line = LineOf(chars);
        JS_FreeCString(context_, chars);
      }
    }
  }
  JS_FreeValue(context_, JS_GetException(context_));
  if (stopwatch_.IsOver()) return LimitMet("time");
  if (text == "InternalError: out of memory") return LimitMet("memory");
  if (text == "RangeError: Maximum call stack size exceeded") return LimitMet("stack");
  while (!schema::IsUtf8(text)) text.pop_back();
  return absl::InvalidArgumentError(line.empty() ? text : Concat(text, " (", line, ")"));
}

void Engine::Define(JSValueConst object, JSAtom name, std::string_view text) {
  // Defined and not set, since a setter of Object.prototype may be the code's own.
  JS_DefinePropertyValue(context_, object, name,
                         JS_NewStringLen(context_, text.data(), text.size()), JS_PROP_C_W_E);
}

JSValue Engine::MakeMessage(const event::Message& message) {
  JSValue object = JS_NewObject(context_);
  Define(object, data_, message.data);
  JSValue attributes = JS_NewObject(context_);
  for (const auto& [key, value] : message.attributes) {
    JSAtom name = JS_NewAtomLen(context_, key.data(), key.size());
    Define(attributes, name, value);
    JS_FreeAtom(context_, name);
  }
  JS_DefinePropertyValue(context_, object, attributes_, attributes, JS_PROP_C_W_E);
  return object;
}

JSValue Engine::MakeMetadata(const event::Message& message, int64_t delivery_attempt) {
  JSValue object = JS_NewObject(context_);
  if (!message.message_id.empty()) Define(object, message_id_, message.message_id);
  if (message.publish_time != host::WallTime()) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(message.publish_time);
    Define(object, publish_time_,
           schema::FormatRfc3339(host::WallTime(seconds).time_since_epoch().count()));
  }
  if (!message.ordering_key.empty()) Define(object, ordering_key_, message.ordering_key);
  if (delivery_attempt > 0) {
    JS_DefinePropertyValueStr(context_, object, "delivery_attempt",
                              JS_NewInt64(context_, delivery_attempt), JS_PROP_C_W_E);
  }
  return object;
}

absl::Status Engine::Invoke(const event::Message& message, int64_t delivery_attempt,
                            absl::FunctionRef<absl::Status(JSValueConst)> read) {
  AFLUENTE_CHECK(!broken_);
  if (!schema::IsUtf8(message.data)) {
    return absl::InvalidArgumentError("the message's data is not UTF-8, so it is no string");
  }
  ScopedStopwatch scope(&stopwatch_);
  stopwatch_.Start(limits_.time_max);
  JS_UpdateStackTop(runtime_);
  now_ = message.publish_time;
  random_ = Hash(message.message_id.empty() ? message.data : message.message_id);

  Value first(context_, MakeMessage(message));
  Value second(context_, MakeMetadata(message, delivery_attempt));
  // What found no memory left an exception.
  if (JS_HasException(context_)) return TakeException();
  JSValueConst arguments[] = {first.get(), second.get()};
  Value result(context_, JS_Call(context_, function_, JS_UNDEFINED, 2, arguments));
  absl::Status status = result.is_exception() ? TakeException() : read(result.get());
  // A promise that waits would run within a later call.
  if (JS_IsJobPending(runtime_)) broken_ = true;
  // Long built-in functions end early when time is over, with a wrong answer.
  if (stopwatch_.IsOver()) return LimitMet("time");
  return status;
}

absl::StatusOr<Transformed> Engine::Call(const event::Message& message) {
  Transformed transformed;
  AFLUENTE_RETURN_IF_ERROR(Invoke(message, 0, [&](JSValueConst result) -> absl::Status {
    AFLUENTE_ASSIGN_OR_RETURN(transformed, Convert(result, message));
    return absl::OkStatus();
  }));
  return transformed;
}

absl::StatusOr<ReturnedJson> Engine::CallForJson(const event::Message& message,
                                                 int64_t delivery_attempt) {
  ReturnedJson json;
  AFLUENTE_RETURN_IF_ERROR(
      Invoke(message, delivery_attempt, [&](JSValueConst result) -> absl::Status {
        AFLUENTE_ASSIGN_OR_RETURN(json, ToJson(result));
        return absl::OkStatus();
      }));
  return json;
}

absl::StatusOr<ReturnedJson> Engine::ToJson(JSValueConst result) {
  if (JS_IsNull(result)) return ReturnedJson();
  if (!JS_IsObject(result) || JS_IsFunction(context_, result)) {
    return absl::InvalidArgumentError("the function returned neither an object, an array nor null");
  }
  Value text(context_, JS_JSONStringify(context_, result, JS_UNDEFINED, JS_UNDEFINED));
  AFLUENTE_ASSIGN_OR_RETURN(std::string json, ReadText(text.get(), "value"));
  return ReturnedJson(std::move(json));
}

absl::StatusOr<std::string> Engine::ReadText(JSValueConst value, std::string_view what) {
  if (JS_IsException(value)) return TakeException();
  if (!JS_IsString(value)) {
    return absl::InvalidArgumentError(Concat("the returned ", what, " is not a string"));
  }
  size_t size;
  const char* chars = JS_ToCStringLen(context_, &size, value);
  if (chars == nullptr) return TakeException();
  std::string text;
  bool fits = size <= limits_.result_bytes_max;
  if (fits) text.assign(chars, size);
  JS_FreeCString(context_, chars);
  if (!fits) {
    return absl::InvalidArgumentError(Concat("the returned ", what, " has ", size,
                                             " bytes; the limit is ", limits_.result_bytes_max));
  }
  if (!schema::IsUtf8(text)) {
    return absl::InvalidArgumentError(Concat("the returned ", what, " holds half a character"));
  }
  return text;
}

absl::StatusOr<Transformed> Engine::Convert(JSValueConst result, const event::Message& message) {
  if (JS_IsNull(result)) return Transformed();
  if (!JS_IsObject(result) || JS_IsFunction(context_, result)) {
    return absl::InvalidArgumentError("the function returned neither an object nor null");
  }
  event::Draft draft;
  draft.ordering_key = message.ordering_key;
  {
    Value data(context_, JS_GetProperty(context_, result, data_));
    AFLUENTE_ASSIGN_OR_RETURN(draft.data, ReadText(data.get(), "data"));
  }
  Value attributes(context_, JS_GetProperty(context_, result, attributes_));
  if (attributes.is_exception()) return TakeException();
  if (JS_IsUndefined(attributes.get())) {
    draft.attributes = message.attributes;
  } else {
    AFLUENTE_RETURN_IF_ERROR(ReadAttributes(
        attributes.get(), limits_.result_bytes_max - draft.data.size(), &draft.attributes));
  }
  return Transformed(std::move(draft));
}

absl::Status Engine::ReadAttributes(JSValueConst object, size_t bytes_left,
                                    event::Attributes* read) {
  if (!JS_IsObject(object)) {
    return absl::InvalidArgumentError("the returned attributes are not an object");
  }
  JSPropertyEnum* names = nullptr;
  uint32_t count = 0;
  if (JS_GetOwnPropertyNames(context_, &names, &count, object,
                             JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY) != 0) {
    return TakeException();
  }
  absl::Status status;
  if (count > kAttributesMax) {
    status = absl::InvalidArgumentError(Concat("the function returned ", count, " attributes"));
  }
  for (uint32_t i = 0; status.ok() && i < count; ++i) {
    Value name(context_, JS_AtomToString(context_, names[i].atom));
    Value value(context_, JS_GetProperty(context_, object, names[i].atom));
    absl::StatusOr<std::string> key = ReadText(name.get(), "attribute's key");
    absl::StatusOr<std::string> text = key.ok() ? ReadText(value.get(), "attribute " + *key) : key;
    status = text.status();
    if (!status.ok()) break;
    if (key->size() + text->size() > bytes_left) {
      status = absl::InvalidArgumentError(
          Concat("the function returned more than ", limits_.result_bytes_max, " bytes"));
      break;
    }
    bytes_left -= key->size() + text->size();
    read->emplace_back(*std::move(key), *std::move(text));
  }
  JS_FreePropertyEnum(context_, names, count);
  std::sort(read->begin(), read->end());
  return status;
}

}  // namespace afluente::script
