#include <algorithm>
#include <map>
#include <utility>

#include "host/check.h"
#include "schema/message/avro_definition.h"
#include "schema/message/problem.h"
#include "schema/text.h"

namespace afluente::schema::avro {
namespace {

std::string_view Unqualified(std::string_view name) {
  return name.substr(name.rfind('.') + 1);  // npos + 1 == 0
}

bool NamesMatch(const Type& reader, const Type& writer) {
  auto equals = [&](std::string_view name) {
    return Unqualified(name) == Unqualified(writer.name);
  };
  return equals(reader.name) || std::any_of(reader.aliases.begin(), reader.aliases.end(), equals);
}

bool IsPromoted(Kind reader, Kind writer) {
  switch (writer) {
    case Kind::kInt:
      return reader == Kind::kLong || reader == Kind::kFloat || reader == Kind::kDouble;
    case Kind::kLong:
      return reader == Kind::kFloat || reader == Kind::kDouble;
    case Kind::kFloat:
      return reader == Kind::kDouble;
    case Kind::kString:
      return reader == Kind::kBytes;
    case Kind::kBytes:
      return reader == Kind::kString;
    default:
      return false;
  }
}

// "Schema Resolution" of the specification: whether each value that `writer` allows can be read.
class Resolution {
 public:
  bool CanRead(const Type& reader, const Type& writer);
  Problem& problem() { return problem_; }

 private:
  // Whether the two may meet at all, without looking into them.
  static bool Meet(const Type& reader, const Type& writer);
  bool CanReadRecord(const Type& reader, const Type& writer);
  bool CanReadEnum(const Type& reader, const Type& writer);
  bool CanReadUnion(const Type& reader, const Type& writer);

  Problem problem_;
  bool LookInto(const Type& reader, const Type& writer);

  int depth_ = 0;
  // One that is still being looked at holds unless something else speaks against it.
  std::map<std::pair<const Type*, const Type*>, bool> answers_;
};

bool Resolution::Meet(const Type& reader, const Type& writer) {
  if (reader.kind != writer.kind) return IsPromoted(reader.kind, writer.kind);
  switch (reader.kind) {
    case Kind::kRecord:
    case Kind::kEnum:
      return NamesMatch(reader, writer);
    case Kind::kFixed:
      return NamesMatch(reader, writer) && reader.size == writer.size;
    default:
      return true;
  }
}

bool Resolution::CanReadRecord(const Type& reader, const Type& writer) {
  for (const Field& field : reader.fields) {
    auto it = writer.index.find(field.name);
    for (size_t i = 0; it == writer.index.end() && i < field.aliases.size(); ++i) {
      it = writer.index.find(field.aliases[i]);
    }
    if (it != writer.index.end()) {
      if (!CanRead(*field.type, *writer.fields[it->second].type)) {
        return problem_.AtField(field.name);
      }
    } else if (!field.has_default) {
      return problem_.Fail("is in one revision only and has no default") ||
             problem_.AtField(field.name);
    }
  }
  return true;
}

bool Resolution::CanReadEnum(const Type& reader, const Type& writer) {
  for (const std::string& symbol : writer.symbols) {
    if (reader.has_default || reader.index.find(symbol) != reader.index.end()) continue;
    return problem_.Fail(Concat("the enum's symbol ", symbol,
                                " is in one revision only and the enum has no default"));
  }
  return true;
}

bool Resolution::CanReadUnion(const Type& reader, const Type& writer) {
  if (writer.kind == Kind::kUnion) {
    for (const Type* branch : writer.branches) {
      if (!CanRead(reader, *branch)) return false;
    }
    return true;
  }
  for (const Type* branch : reader.branches) {
    if (Meet(*branch, writer) && CanRead(*branch, writer)) return true;
  }
  return problem_.Fail(Concat("no branch of the union can hold a ", writer.name));
}

bool Resolution::CanRead(const Type& reader, const Type& writer) {
  auto [it, is_new] = answers_.emplace(std::pair(&reader, &writer), true);
  if (!is_new) return it->second || problem_.Fail("cannot be read as in the other revision");
  if (depth_ == kDepthMax) {
    return problem_.Fail(Concat("types nested more than ", kDepthMax, " levels"));
  }
  ++depth_;
  it->second = LookInto(reader, writer);
  --depth_;
  return it->second;
}

bool Resolution::LookInto(const Type& reader, const Type& writer) {
  if (reader.kind == Kind::kUnion || writer.kind == Kind::kUnion) {
    return CanReadUnion(reader, writer);
  }
  if (!Meet(reader, writer)) {
    return problem_.Fail(Concat("a ", writer.name, " cannot be read as a ", reader.name));
  }
  switch (reader.kind) {
    case Kind::kRecord:
      return CanReadRecord(reader, writer);
    case Kind::kEnum:
      return CanReadEnum(reader, writer);
    case Kind::kArray:
    case Kind::kMap:
      return CanRead(*reader.items, *writer.items);
    default:
      return true;
  }
}

absl::Status CheckReads(const Definition& reader, const Definition& writer) {
  Resolution resolution;
  return resolution.CanRead(reader.root(), writer.root()) ? absl::OkStatus()
                                                          : resolution.problem().ToStatus();
}

}  // namespace

absl::Status CheckBothWays(const Definition& later, const Definition& earlier) {
  AFLUENTE_RETURN_IF_ERROR(CheckReads(later, earlier));
  return CheckReads(earlier, later);
}

}  // namespace afluente::schema::avro
