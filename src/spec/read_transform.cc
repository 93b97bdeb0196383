#include "schema/text.h"
#include "spec/read.h"
#include "spec/text_forms.h"

namespace afluente::spec {
namespace {

using schema::Concat;

constexpr std::chrono::milliseconds kTimeoutMax{600'000};
constexpr uint64_t kResponseBytesMax = uint64_t{64} << 20;

void ReadJavascript(const YamlNode& transform, Function* function, Reading* reading) {
  JavascriptTransform javascript;
  javascript.file = TextOf(transform, "javascript");
  javascript.code = ReadSqlFile(javascript.file, PlaceOf(transform, "javascript"), reading);
  javascript.function_name = TextOf(transform, "function_name");
  function->javascript = std::move(javascript);
}

void ReadHttp(const YamlNode& transform, const std::string& where, Function* function,
              Reading* reading) {
  HttpTransform http;
  http.url = TextOf(transform, "http");
  const std::string format = TextOf(transform, "format");
  if (format == "cloudevents_binary") http.format = EventFormat::kCloudeventsBinary;
  if (format == "cloudevents_structured") http.format = EventFormat::kCloudeventsStructured;
  http.concurrency = IntegerOf(transform, "concurrency", http.concurrency);
  if (const auto timeout = ParseDuration(TextOf(transform, "timeout"))) {
    http.timeout = *timeout;
    if (*timeout > kTimeoutMax || *timeout == timeout->zero()) {
      reading->findings->Add(PlaceOf(transform, "timeout"),
                             Concat(where, ".timeout: expected above 0s, 600s at most"));
    }
  }
  if (const auto bytes = ParseSize(TextOf(transform, "response_bytes"))) {
    http.response_bytes = *bytes;
    if (*bytes > kResponseBytesMax) {
      reading->findings->Add(PlaceOf(transform, "response_bytes"),
                             Concat(where, ".response_bytes: expected 64Mi at most"));
    }
  }
  function->http = std::move(http);
}

}  // namespace

void ReadTransform(const YamlNode& node, Function* function, Reading* reading) {
  const YamlNode* transform = node.Find("transform");
  if (transform == nullptr) return;
  const std::string where = Concat("functions.", function->name, ".transform");
  int kinds = 0;
  if (transform->Find("sql") != nullptr) {
    ++kinds;
    function->sql_file = TextOf(*transform, "sql");
    function->sql = ReadSqlFile(function->sql_file, PlaceOf(*transform, "sql"), reading);
  }
  if (transform->Find("javascript") != nullptr) {
    ++kinds;
    ReadJavascript(*transform, function, reading);
  }
  if (transform->Find("http") != nullptr) {
    ++kinds;
    ReadHttp(*transform, where, function, reading);
  }
  if (kinds != 1) {
    reading->findings->Add(
        transform->place,
        Concat(where,
               ": expected one of sql, javascript and http; leave transform out to store by "
               "column name"));
  }
  for (const auto& [key, of] :
       {std::pair("function_name", "javascript"), std::pair("format", "http"),
        std::pair("concurrency", "http"), std::pair("timeout", "http"),
        std::pair("response_bytes", "http")}) {
    if (transform->Find(key) == nullptr || transform->Find(of) != nullptr) continue;
    reading->findings->Add(PlaceOf(*transform, key), Concat(where, ".", key, ": is for ", of));
  }
  if (TextOf(node, "unknown_fields") == "ignore" && transform->Find("sql") != nullptr) {
    reading->findings->Add(PlaceOf(node, "unknown_fields"),
                           Concat("functions.", function->name,
                                  ".unknown_fields: ignore is for rows by column name, and sql "
                                  "names its columns"));
  }
}

}  // namespace afluente::spec
