#include "warehouse/wire/field_mask.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace afluente::warehouse::wire {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 20;
constexpr size_t kTextMax = 8 << 10;

// Children by name; a node without children keeps all below it.
struct Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
};

class MaskParser {
 public:
  explicit MaskParser(std::string_view text) : text_(text) {}

  bool Parse(Node& root) { return ParseList(root, 0) && at_ == text_.size(); }

 private:
  bool ParseList(Node& parent, int depth) {
    if (depth > kDepthMax) return false;
    while (true) {
      if (!ParsePath(parent, depth)) return false;
      if (!Take(',')) return true;
    }
  }

  bool ParsePath(Node& parent, int depth) {
    Node* node = &parent;
    while (true) {
      const size_t end = std::min(text_.find_first_of(",/()", at_), text_.size());
      std::string name(text_.substr(at_, end - at_));
      while (!name.empty() && name.front() == ' ') name.erase(0, 1);
      while (!name.empty() && name.back() == ' ') name.pop_back();
      if (name.empty() || ++depth > kDepthMax) return false;
      at_ = end;
      std::unique_ptr<Node>& child = node->children[name];
      if (child == nullptr) child = std::make_unique<Node>();
      node = child.get();
      if (Take('/')) continue;
      if (!Take('(')) return true;
      return ParseList(*node, depth) && Take(')');
    }
  }

  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

void Keep(const Node& node, json& value) {
  if (node.children.empty()) return;
  if (value.is_array()) {
    for (json& element : value) Keep(node, element);
    return;
  }
  if (!value.is_object()) return;
  const auto all = node.children.find("*");
  for (auto member = value.begin(); member != value.end();) {
    auto child = node.children.find(member.key());
    if (child == node.children.end()) child = all;
    if (child == node.children.end()) {
      member = value.erase(member);
      continue;
    }
    Keep(*child->second, *member);
    ++member;
  }
}

}  // namespace

absl::Status SelectFields(std::string_view fields, json& value) {
  Node root;
  if (fields.size() > kTextMax || !MaskParser(fields).Parse(root)) {
    return absl::InvalidArgumentError("Invalid field selection " +
                                      std::string(fields.substr(0, 100)));
  }
  Keep(root, value);
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::wire
