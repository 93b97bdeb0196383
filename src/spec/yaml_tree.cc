#include "spec/yaml_tree.h"

#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "schema/parse_value.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace afluente::spec {
namespace {

using schema::Concat;

constexpr size_t kNodesMax = 100'000;

Place PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

// Ends the parse from within yaml-cpp's calls; never leaves this file.
struct Stopped {};

// Builds the tree from the parser's events. Our own tree, since yaml-cpp's hides duplicate keys
// and lets an alias stand for any number of copies.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Findings* findings) : findings_(findings) {}

  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Stop(PlaceOf(mark), "only one YAML document is allowed in the file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place place = PlaceOf(mark);
    CheckAnchor(place, anchor);
    YamlNode node;
    node.place = place;
    AddValue(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Stop(PlaceOf(mark), "YAML aliases (*name) are not supported by this version");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Place place = PlaceOf(mark);
    CheckAnchor(place, anchor);
    CheckTag(place, tag);
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.place = place;
    node.quoted = tag == "!";
    node.text = value;
    if (!node.quoted &&
        (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL")) {
      node.kind = YamlNode::Kind::kNull;
    }
    AddValue(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A list or map whose end has not come yet.
  struct OpenNode {
    YamlNode node;
    bool has_key = false;
    YamlNode key;
    std::map<std::string, Place> seen;
  };

  [[noreturn]] void Stop(Place place, std::string message) {
    findings_->Add(place, std::move(message));
    throw Stopped();
  }

  void CheckAnchor(Place place, YAML::anchor_t anchor) {
    if (anchor != 0) Stop(place, "YAML anchors (&name) are not supported by this version");
  }

  void CheckTag(Place place, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    Stop(place, Concat("YAML tags (", schema::QuoteForMessage(tag),
                       ") are not supported by this version"));
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    Place place = PlaceOf(mark);
    CheckAnchor(place, anchor);
    CheckTag(place, tag);
    if (open_.size() == static_cast<size_t>(kYamlDepthMax)) {
      Stop(place, Concat("nested deeper than ", kYamlDepthMax, " levels"));
    }
    bool as_key =
        !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().has_key;
    if (as_key) Stop(place, "a key must be a text");
    OpenNode open;
    open.node.kind = kind;
    open.node.place = place;
    open_.push_back(std::move(open));
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    AddValue(std::move(node));
  }

  void AddValue(YamlNode node) {
    if (++nodes_ > kNodesMax) Stop(node.place, Concat("more than ", kNodesMax, " values"));
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    if (!parent.has_key) {
      if (node.kind != YamlNode::Kind::kScalar) Stop(node.place, "a key must be a text");
      parent.key = std::move(node);
      parent.has_key = true;
      return;
    }
    parent.has_key = false;
    auto [first, added] = parent.seen.emplace(parent.key.text, parent.key.place);
    if (!added) {
      findings_->Add(parent.key.place,
                     Concat("duplicate key ", schema::QuoteForMessage(parent.key.text),
                            "; the first is at line ", first->second.line));
      return;
    }
    parent.node.entries.push_back(YamlEntry{std::move(parent.key), std::move(node)});
  }

  Findings* findings_;
  YamlNode root_;
  std::vector<OpenNode> open_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key.text == key) return &entry.value;
  }
  return nullptr;
}

std::optional<YamlNode> ParseYaml(std::string_view text, Findings* findings) {
  if (text.size() > kYamlBytesMax) {
    findings->Add({}, Concat("the file has ", text.size(), " bytes, more than ", kYamlBytesMax));
    return std::nullopt;
  }
  if (!schema::IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    findings->Add({}, "the file is not UTF-8 text");
    return std::nullopt;
  }
  TreeBuilder builder(findings);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.TakeRoot();
  } catch (const Stopped&) {
  } catch (const YAML::Exception& error) {
    findings->Add(PlaceOf(error.mark), Concat("YAML: ", error.msg));
  } catch (const std::exception& error) {
    findings->Add({}, Concat("YAML: ", error.what()));
  }
  return std::nullopt;
}

}  // namespace afluente::spec
