#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "schema/text.h"
#include "script/javascript.h"

namespace afluente::script {
namespace {

using schema::Concat;

// As a limit on CPU time can be asked for under a sanitizer and on a busy machine alike.
Limits SmallLimits() {
  Limits limits;
  limits.time_max = std::chrono::milliseconds(100);
  limits.memory_bytes_max = 32 << 20;
  return limits;
}

class HostileScript : public ::testing::TestWithParam<const char*> {};

// `body` runs within a function that works for any other message. Whatever it does, the call comes
// back soon and the next ones work.
TEST_P(HostileScript, ComesBackAndLeavesNoHarm) {
  std::string code =
      Concat("function f(m) { if (m.data === 'ok') return {data: 'fine'};\n", GetParam(), "\n}");
  auto script = JavaScript::Compile("f", code, SmallLimits());
  ASSERT_TRUE(script.ok()) << script.status();
  event::Message hostile, ok;
  hostile.data = "hostile";
  ok.data = "ok";
  for (int round = 0; round < 2; ++round) {
    timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    (void)(*script)->Call(hostile);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    // Generous: what must not happen is minutes.
    EXPECT_LT(after.tv_sec - before.tv_sec, 4);
    auto result = (*script)->Call(ok);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_TRUE(result->has_value());
    EXPECT_EQ((*result)->data, "fine");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Loops, HostileScript,
    ::testing::Values(
        "while (1) {}", "for (;;) { try { while (1) {} } catch (e) {} finally { continue; } }",
        "Array.prototype.indexOf.call({length: 2**53-1}, 1)",
        "Array.prototype.reverse.call({length: 2**53-1})",
        "Array.prototype.copyWithin.call({length: 2**53-1}, 1, 0)",
        "Array.prototype.splice.call({length: 2**53-2}, 0, 1)",
        "Array.prototype.unshift.call({length: 2**53-2}, 0)",
        "Array.prototype.shift.call({length: 2**53-2})",
        "Array.prototype.flat.call({length: 2**53-1})", "new Array(2**32-1).join('')",
        "new Array(2**32-1).sort()", "[].concat(new Array(2**32-1))", "[new Array(2**32-1)].flat()",
        "JSON.stringify(new Array(2**32-1))", "String.raw({raw: {length: 2**53-1}})",
        "const a = new Array(1e6).fill(1); for (;;) a.slice();",
        "const a = new Array(1e6).fill(1); for (;;) a.indexOf(2);",
        "const s = 'x'.repeat(2e7); for (;;) s.indexOf('y');", "eval('while (1) {}')",
        "new Function('while (1) {}')()", "function* g() { while (1) yield 1; } [...g()]",
        "const a = []; a.length = 2**32-1; a.forEach(() => 1); a.findLast(() => 0);"));

INSTANTIATE_TEST_SUITE_P(
    Texts, HostileScript,
    ::testing::Values("/(a+)+$/.test('a'.repeat(40) + 'b')", "/(.*)*x/.test('a'.repeat(30000))",
                      "'a'.repeat(1e6).replace(/(a*)*b/g, '')",
                      "'a'.repeat(1e7).indexOf('a'.repeat(5e6) + 'b')",
                      "'a'.repeat(1e7).lastIndexOf('a'.repeat(5e6) + 'b')",
                      "'a'.repeat(1e7).split('a'.repeat(5e6) + 'b')",
                      "'a'.repeat(1e7).replaceAll('a'.repeat(5e6) + 'b', '')",
                      "'\\u0301\\u0327'.repeat(1e6).normalize('NFC')",
                      "new RegExp('(?:'.repeat(1e5))", "new RegExp('x{0,65535}'.repeat(1000))",
                      "JSON.parse('['.repeat(1e6))", "decodeURIComponent('%41'.repeat(3e6))",
                      "const b = 9n ** 20000n; for (;;) b * b;",
                      "const b = 9n ** 20000n; for (;;) b.toString();", "9n ** (10n ** 9n)",
                      "1n << (2n ** 40n)"));

INSTANTIATE_TEST_SUITE_P(
    Memory, HostileScript,
    ::testing::Values("let s = 'x'; for (;;) s += s;", "const a = []; for (;;) a.push(a);",
                      "let a = []; for (;;) a = [a];",
                      "const map = new Map(); for (;;) map.set(map.size, 1);", "'x'.repeat(2**29)",
                      "new Uint8Array(2**30)", "new Array(1e8).fill(1)",
                      "globalThis.all = globalThis.all || []; for (;;) all.push('x' + all.length);",
                      "return {data: 'x'.repeat(12e6)};",
                      "const a = {}; for (let i = 0; i < 1e4; ++i) a[i] = 'x'; "
                      "return {data: '', attributes: a};",
                      "const a = {}; for (let i = 0; i < 900; ++i) a[i] = 'x'.repeat(2e4); "
                      "return {data: '', attributes: a};",
                      "Error.prototype.name = 'x'.repeat(1e7); throw new Error('y'.repeat(1e7));"));

INSTANTIATE_TEST_SUITE_P(
    Stack, HostileScript,
    ::testing::Values(
        "(function g() { g(); })()", "const g = () => g(); g();",
        "let o = {}; for (let i = 0; i < 1e5; ++i) o = {o}; JSON.stringify(o)",
        "let o = {}; for (let i = 0; i < 1e4; ++i) o = new Proxy(o, {}); o.x",
        "const x = {toString() { return x + ''; }}; throw x;",
        "let o = []; for (let i = 0; i < 1e5; ++i) o = [o]; o.flat(Infinity); '' + o"));

INSTANTIATE_TEST_SUITE_P(
    Results, HostileScript,
    ::testing::Values("return {get data() { while (1) {} }};",
                      "return {data: '', get attributes() { throw 1; }};",
                      "return new Proxy({}, {get() { while (1) {} }});",
                      "return {data: '', attributes: new Proxy({}, {ownKeys() { while (1) {} }})};",
                      "return {data: '', attributes: {get a() { for (;;) {} }}};",
                      "return {data: {toString() { while (1) {} }}};", "return Symbol('x');",
                      "return new Date(NaN);", "return 5n;", "throw null;", "throw undefined;",
                      "throw {toString() { while (1) {} }};",
                      "throw {get message() { throw 1; }, toString() { throw this; }};",
                      "const e = new Error('x'); Object.defineProperty(e, 'stack', "
                      "{get() { while (1) {} }}); throw e;",
                      "throw Object.assign(new Error('x'), {stack: 'function.js:'.repeat(1e6)});",
                      "return globalThis;", "return f;", "return m.__proto__;"));

INSTANTIATE_TEST_SUITE_P(
    Promises, HostileScript,
    ::testing::Values("return (async () => { while (1) await 0; })();",
                      "Promise.resolve().then(function g() { Promise.resolve().then(g); });",
                      "return new Promise(() => {});", "import('std'); return null;",
                      "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"));

TEST(JavaScriptLimits, AreSaid) {
  auto status = [](std::string_view body) {
    auto script = JavaScript::Compile("f", Concat("function f(m) {", body, "}"), SmallLimits());
    return (*script)->Call(event::Message()).status();
  };
  EXPECT_EQ(status("while (1) {}"), absl::ResourceExhaustedError("ran longer than 100 ms"));
  EXPECT_EQ(status("new Uint8Array(2 ** 26);"),
            absl::ResourceExhaustedError("used more than 33554432 bytes of memory"));
  EXPECT_EQ(status("f();"), absl::ResourceExhaustedError("used more than 524288 bytes of stack"));
  EXPECT_EQ(
      status("return {data: 'x'.repeat(12e6)};"),
      absl::InvalidArgumentError("the returned data has 12000000 bytes; the limit is 10000000"));
  EXPECT_EQ(JavaScript::Compile("f", "while (1) {}", SmallLimits()).status(),
            absl::ResourceExhaustedError("ran longer than 100 ms"));
}

TEST(JavaScriptLimits, ALongSearchGivesNoWrongAnswer) {
  // The search is cut short when time is over; what it says then must not be believed.
  auto script = JavaScript::Compile(
      "f",
      "function f(m) { return {data: String('a'.repeat(1e7).indexOf('a'.repeat(5e6) + 'b'))}; }",
      SmallLimits());
  EXPECT_TRUE(absl::IsResourceExhausted((*script)->Call(event::Message()).status()));
}

TEST(JavaScriptState, GlobalsStayAndPollutionDoesNotReachTheHost) {
  auto script = JavaScript::Compile("f", R"(let calls = 0;
    function f(m) {
      Object.defineProperty(Object.prototype, 'data', {
          set(v) { throw 'set'; }, get() { return 'p'; }, configurable: true});
      Array.prototype.push = null; Object.prototype.extra = 'e';
      JSON.stringify = () => { throw 'no'; };
      return {data: m.data + ++calls, attributes: m.attributes};
    })",
                                    Limits());
  ASSERT_TRUE(script.ok());
  event::Message message;
  message.data = "d";
  message.attributes = {{"a", "1"}};
  for (int i = 1; i <= 3; ++i) {
    auto result = (*script)->Call(message);
    // The object that the code itself makes meets its own setter no more than the host's does.
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ((**result).data, Concat("d", i));
    EXPECT_EQ((**result).attributes, message.attributes);
  }
}

}  // namespace
}  // namespace afluente::script
