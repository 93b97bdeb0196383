#include "script/javascript.h"

#include <gtest/gtest.h>

#include <string>

namespace afluente::script {
namespace {

event::Message Message(std::string data, event::Attributes attributes = {}) {
  event::Message message;
  message.data = std::move(data);
  message.attributes = std::move(attributes);
  message.message_id = "17";
  message.ordering_key = "key";
  message.publish_time = host::WallTime(std::chrono::microseconds(1'790'000'000'123'456));
  return message;
}

std::unique_ptr<JavaScript> Compile(std::string_view code) {
  auto script = JavaScript::Compile("f", code, Limits());
  EXPECT_TRUE(script.ok()) << script.status();
  return script.ok() ? *std::move(script) : nullptr;
}

std::string CompileError(std::string_view code, std::string_view name = "f") {
  absl::Status status = JavaScript::Compile(name, code, Limits()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  return std::string(status.message());
}

// The data returned, "null" for a dropped message, or the error's text.
std::string Result(std::string_view code, const event::Message& message = Message("d")) {
  absl::StatusOr<Transformed> result = Compile(code)->Call(message);
  if (!result.ok()) return std::string(result.status().message());
  return result->has_value() ? (*result)->data : "null";
}

TEST(JavaScript, ChangesDataAndAttributes) {
  auto script = Compile(R"(function f(message, metadata) {
    const d = JSON.parse(message.data);
    d.total = d.amount * d.count;
    delete d.secret;
    message.data = JSON.stringify(d);
    message.attributes['total'] = String(d.total);
    delete message.attributes.drop;
    return message;
  })");
  auto result = script->Call(
      Message(R"({"amount":2.5,"count":4,"secret":"x"})", {{"drop", "1"}, {"keep", "ñ"}}));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->data, R"({"amount":2.5,"count":4,"total":10})");
  EXPECT_EQ((*result)->attributes, (event::Attributes{{"keep", "ñ"}, {"total", "10"}}));
  EXPECT_EQ((*result)->ordering_key, "key");
}

TEST(JavaScript, MetadataIsTheMessages) {
  EXPECT_EQ(Result("function f(m, d) { return {data: JSON.stringify(d)}; }"),
            R"({"message_id":"17","publish_time":"2026-09-21T14:13:20Z","ordering_key":"key"})");
  EXPECT_EQ(Result("function f(m, d) { return {data: JSON.stringify(d)}; }", event::Message()),
            "{}");
}

TEST(JavaScript, NullDropsAndOtherThingsAreErrors) {
  EXPECT_EQ(Result("function f() { return null; }"), "null");
  EXPECT_EQ(Result("function f() {}"), "the function returned neither an object nor null");
  EXPECT_EQ(Result("function f() { return 'x'; }"),
            "the function returned neither an object nor null");
  EXPECT_EQ(Result("function f() { return {}; }"), "the returned data is not a string");
  EXPECT_EQ(Result("function f() { return {data: 5}; }"), "the returned data is not a string");
  EXPECT_EQ(Result("async function f(m) { return m; }"), "the returned data is not a string");
  EXPECT_EQ(Result("function f() { return {data: 'x', attributes: 7}; }"),
            "the returned attributes are not an object");
  EXPECT_EQ(Result("function f() { return {data: 'x', attributes: {a: 7}}; }"),
            "the returned attribute a is not a string");
  EXPECT_EQ(Result(R"(function f() { return {data: '\ud800'}; })"),
            "the returned data holds half a character");
  EXPECT_EQ(Result("function f(m) { return m; }", Message("\xff")),
            "the message's data is not UTF-8, so it is no string");
}

TEST(JavaScript, AttributesAreKeptWhenNoneAreReturned) {
  event::Message message = Message("d", {{"a", "1"}});
  auto kept = Compile("function f(m) { return {data: 'x'}; }")->Call(message);
  EXPECT_EQ((**kept).attributes, message.attributes);
  auto removed = Compile("function f(m) { return {data: 'x', attributes: {}}; }")->Call(message);
  EXPECT_EQ((**removed).attributes, event::Attributes());
}

TEST(JavaScript, ErrorsTellTheLine) {
  EXPECT_EQ(CompileError("function f() {\n  return ;;\n}}"),
            "SyntaxError: unexpected token in expression: '}' (line 3 column 2)");
  EXPECT_EQ(CompileError("\nnope();\nfunction f() {}"),
            "ReferenceError: nope is not defined (line 2 column 1)");
  EXPECT_EQ(CompileError("function g() {}"), "the code has no function f");
  EXPECT_EQ(CompileError("var f = 5;"), "the code has no function f");
  EXPECT_EQ(CompileError("function f() {}", "f()"),
            "the function's name is not a name in JavaScript");
  EXPECT_EQ(CompileError(std::string(20481, ' ')), "the code has 20481 bytes; the limit is 20480");
  EXPECT_EQ(Result("function f(m) {\n  m.x.y;\n}"),
            "TypeError: cannot read property 'y' of undefined (line 2 column 3)");
  EXPECT_EQ(Result("function f(m) {\n  throw new Error('bad ' + m.data);\n}"),
            "Error: bad d (line 2 column 28)");
  EXPECT_EQ(Result("function f(m) { throw 'text'; }"), "text");
  EXPECT_EQ(Result("const f = (m) => ({data: m.data + '!'});"), "d!");
}

TEST(JavaScript, RunningAgainGivesTheSame) {
  constexpr char kCode[] = R"(function f(m) {
    return {data: [Math.random(), Math.random(), Date.now(), new Date().toISOString(),
                   new Date(5).getTime(), typeof Date(), new Date() instanceof Date,
                   new Date().constructor === Date].join()};
  })";
  std::string once = Result(kCode);
  EXPECT_EQ(Result(kCode), once);
  EXPECT_NE(once.find(",1790000000123,2026-09-21T14:13:20.123Z,5,string,true,true"),
            std::string::npos)
      << once;
  event::Message other = Message("d");
  other.message_id = "18";
  EXPECT_NE(Result(kCode, other).substr(0, 10), once.substr(0, 10));
  // Also within one instance.
  auto script = Compile(kCode);
  EXPECT_EQ((**script->Call(Message("d"))).data, once);
  EXPECT_EQ((**script->Call(Message("d"))).data, once);
}

TEST(JavaScript, TheMachineIsOutOfReach) {
  EXPECT_EQ(Result(R"(function f() {
    const names = ['std', 'os', 'require', 'process', 'fetch', 'setTimeout', 'console', 'print',
                   'performance', 'WebAssembly', 'WeakRef', 'FinalizationRegistry', 'scriptArgs'];
    return {data: names.filter((n) => typeof globalThis[n] !== 'undefined').join()};
  })"),
            "");
}

}  // namespace
}  // namespace afluente::script
