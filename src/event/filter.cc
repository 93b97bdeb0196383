#include "event/filter.h"

#include <utility>

#include "event/filter_parser.h"
#include "host/check.h"
#include "schema/text.h"

namespace afluente::event {

struct Filter::Node {
  std::unique_ptr<const FilterNode> tree;
};

namespace {

bool Evaluate(const FilterNode& node, const Attributes& attributes) {
  using Kind = FilterNode::Kind;
  if (node.kind == Kind::kAnd) {
    return Evaluate(*node.left, attributes) && Evaluate(*node.right, attributes);
  }
  if (node.kind == Kind::kOr) {
    return Evaluate(*node.left, attributes) || Evaluate(*node.right, attributes);
  }
  if (node.kind == Kind::kNot) return !Evaluate(*node.left, attributes);
  const std::string* value = FindAttribute(attributes, node.key);
  if (node.kind == Kind::kNotEquals) return value == nullptr || *value != node.value;
  if (value == nullptr) return false;
  return node.kind == Kind::kHas ||
         (node.kind == Kind::kEquals ? *value == node.value : value->starts_with(node.value));
}

}  // namespace

Filter::Filter() = default;

absl::StatusOr<Filter> Filter::Parse(std::string_view text) {
  Filter filter;
  if (schema::StripSpace(text).empty()) return filter;
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<const FilterNode> tree, ParseFilter(text));
  filter.root_ = std::make_shared<const Node>(Node{std::move(tree)});
  return filter;
}

bool Filter::Matches(const Attributes& attributes) const {
  return root_ == nullptr || Evaluate(*root_->tree, attributes);
}

}  // namespace afluente::event
