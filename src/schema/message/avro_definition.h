#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace afluente::schema::avro {

// Apache Avro 1.11.1 Specification, "Schema Declaration".
enum class Kind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kRecord,
  kEnum,
  kArray,
  kMap,
  kUnion,
  kFixed,
};

// "Logical Types": those that a table has a type of its own for.
enum class Logical : uint8_t {
  kNone,
  kDecimal,
  kDate,
  kTimeMillis,
  kTimeMicros,
  kTimestampMillis,
  kTimestampMicros,
  kLocalTimestampMillis,
  kLocalTimestampMicros,
};

struct Type;

struct Field {
  std::string name;
  std::vector<std::string> aliases;
  const Type* type = nullptr;
  bool has_default = false;
};

struct Type {
  Kind kind = Kind::kNull;
  Logical logical = Logical::kNone;
  uint32_t scale = 0;                // of a decimal
  std::string name;                  // full name of a record, enum or fixed; else its kind
  std::vector<std::string> aliases;  // full names
  std::vector<Field> fields;         // of a record
  std::map<std::string, size_t, std::less<>> index;  // fields, symbols or branches by name
  std::vector<std::string> symbols;                  // of an enum
  bool has_default = false;                          // of an enum
  const Type* items = nullptr;                       // of an array, and a map's values
  std::vector<const Type*> branches;                 // of a union
  uint64_t size = 0;                                 // of a fixed
};

// Data and types nested deeper than this are refused: they are walked recursively.
inline constexpr int kDepthMax = 200;

// An Avro schema, its named types resolved and its defaults checked. Immutable; all threads.
class Definition {
 public:
  // INVALID_ARGUMENT with the field and what was expected.
  static absl::StatusOr<std::unique_ptr<Definition>> Parse(std::string_view json);

  const Type& root() const { return *root_; }

 private:
  friend class DefinitionParser;
  std::vector<std::unique_ptr<Type>> types_;  // types point at one another
  const Type* root_ = nullptr;
};

// Checks that `earlier`'s data can be read as `later`'s and the other way round ("Schema
// Resolution", with both as reader and as writer). INVALID_ARGUMENT names the field.
absl::Status CheckBothWays(const Definition& later, const Definition& earlier);

}  // namespace afluente::schema::avro
