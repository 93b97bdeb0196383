#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/findings.h"

namespace afluente::spec {

struct YamlEntry;

// A node of a YAML document with the place where it was written.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  // Scalars: the text, and whether it stood in quotes (or in a block), so that it is a text.
  std::string text;
  bool quoted = false;
  Place place;
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  // The value of a map's key; nullptr when this is no map, or has no such key.
  const YamlNode* Find(std::string_view key) const;
};

struct YamlEntry {
  YamlNode key;
  YamlNode value;
};

inline constexpr size_t kYamlBytesMax = 1 << 20;
inline constexpr int kYamlDepthMax = 64;

// Parses one document; an empty text is a null. What is not UTF-8, too large or too deep, YAML's
// own errors, anchors, tags and keys that occur twice go to `findings`. nullopt when it could not
// be read to its end.
std::optional<YamlNode> ParseYaml(std::string_view text, Findings* findings);

}  // namespace afluente::spec
