#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>

#include "nlohmann/json.hpp"
#include "schema/test_seed.h"
#include "spec/init.h"
#include "spec/scratch_directory.h"
#include "spec/shape.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using nlohmann::json;

TEST(Examples, AreValid) {
  for (const char* name : {"flights", "ltm"}) {
    auto spec = Load(std::string(EXAMPLES_DIR "/") + name + "/afluente.yaml");
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_FALSE(spec->functions.empty());
    EXPECT_FALSE(spec->endpoints.empty());
  }
}

TEST(InitialFiles, AreValidAndSmall) {
  ScratchDirectory directory;
  for (const auto& [path, text] : InitialFiles()) directory.Write(path, text);
  auto spec = Load(directory.path() + "/afluente.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->topics.size(), 1u);
  EXPECT_EQ(spec->functions.size(), 1u);
  EXPECT_EQ(spec->endpoints.size(), 1u);
}

// Walks the shapes and the schema side by side.
void Compare(const Shape& shape, const json& whole, const json& root, std::set<const Shape*>* done,
             int* keys) {
  if (!done->insert(&shape).second) return;
  if (shape.or_text != nullptr) Compare(*shape.or_text, whole.at("anyOf").at(0), root, done, keys);
  const json& schema = shape.or_text != nullptr ? whole.at("anyOf").at(1) : whole;
  const json& body = schema.contains("$ref")
                         ? root.at("$defs").at(schema.at("$ref").get<std::string>().substr(8))
                         : schema;
  for (const Property& property : shape.properties) {
    ++*keys;
    ASSERT_TRUE(body.at("properties").contains(property.name)) << property.name;
    Compare(*property.shape, body.at("properties").at(property.name), root, done, keys);
  }
  if (shape.kind == ShapeKind::kObject) {
    EXPECT_EQ(body.at("additionalProperties"), false);
    EXPECT_EQ(body.at("properties").size(), shape.properties.size());
  }
  if (shape.kind == ShapeKind::kMap) {
    Compare(*shape.element, body.at("additionalProperties"), root, done, keys);
  }
  if (shape.kind == ShapeKind::kList) Compare(*shape.element, body.at("items"), root, done, keys);
}

TEST(JsonSchema, HasEveryKnownKey) {
  json schema = json::parse(JsonSchema());
  EXPECT_EQ(schema.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema.at("required"), json({"project"}));
  std::set<const Shape*> done;
  int keys = 0;
  Compare(FileShape(), schema, schema, &done, &keys);
  EXPECT_GT(keys, 50);
}

TEST(JsonSchema, RefersToAColumnWithinAColumn) {
  json schema = json::parse(JsonSchema());
  EXPECT_EQ(schema.at("$defs").size(), 1u);
  EXPECT_TRUE(schema.at("$defs").begin().value().at("properties").contains("fields"));
}

// Whatever is done to a good file, Load answers with a spec or with findings that have places.
TEST(Load, SurvivesMutations) {
  std::mt19937 random(schema::TestSeed());
  ScratchDirectory directory;
  std::string base;
  for (const auto& [path, text] : InitialFiles()) {
    if (path == "afluente.yaml") base = text;
    directory.Write(path, text);
  }
  base.erase(0, base.find("project"));
  const std::string_view pieces[] = {"\n",  "  ", ":",  "- ",   "{",  "}",     "[",   "]",    ",",
                                     "\"",  "'",  "#",  "&a ",  "*a", "!!x ",  "|",   ">",    "?",
                                     "%",   "@",  "`",  "\t",   "~",  "null",  "1",   "true", "<<",
                                     "---", "é",  "\\", "\xFF", "\r", "...\n", "- -", "{}"};
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  int loaded = 0, refused = 0;
  while (std::chrono::steady_clock::now() < deadline) {
    std::string text = base;
    for (size_t n = 1 + random() % 4; n > 0 && !text.empty(); --n) {
      size_t at = random() % text.size();
      size_t length = random() % 20;
      switch (random() % 4) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text.insert(at, base.substr(random() % base.size(), length));
          break;
        case 2:
          text.resize(at + 1);
          break;
        default:
          text.insert(at, pieces[random() % std::size(pieces)]);
      }
    }
    std::string file = directory.Write("afluente.yaml", text);
    auto spec = Load(file);
    spec.ok() ? ++loaded : ++refused;
    if (spec.ok()) continue;
    ASSERT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
    ASSERT_THAT(std::string(spec.status().message()), testing::StartsWith(file + ":")) << text;
  }
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace afluente::spec
