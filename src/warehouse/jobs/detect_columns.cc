#include <algorithm>
#include <map>

#include "host/check.h"
#include "schema/civil_time.h"
#include "schema/parse_value.h"
#include "schema/text.h"
#include "warehouse/jobs/json_fields.h"
#include "warehouse/jobs/row_file.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Column;
using schema::Concat;
using schema::Type;
using schema::TypeKind;

constexpr int kRecordsMax = 500;

Type Scalar(TypeKind kind) {
  Type type;
  type.kind = kind;
  return type;
}

// What a text alone looks like.
TypeKind KindOfText(std::string_view text) {
  if (schema::ParseInt64(text)) return TypeKind::kInt64;
  if (schema::ParseFloat64(text)) return TypeKind::kFloat64;
  const std::string lower = schema::Lowercase(text);
  if (lower == "true" || lower == "false") return TypeKind::kBool;
  if (schema::ParseDate(text)) return TypeKind::kDate;
  if (schema::ParseTime(text)) return TypeKind::kTime;
  if (schema::ParseDatetime(text)) {
    // BigQuery takes a text without a zone for a TIMESTAMP too, when a blank separates.
    return text.find('T') == std::string_view::npos ? TypeKind::kTimestamp : TypeKind::kDatetime;
  }
  if (schema::ParseTimestamp(text)) return TypeKind::kTimestamp;
  return TypeKind::kString;
}

// The type that holds both.
TypeKind Wider(TypeKind a, TypeKind b) {
  if (a == b) return a;
  auto both = [&](TypeKind x, TypeKind y) { return (a == x && b == y) || (a == y && b == x); };
  if (both(TypeKind::kInt64, TypeKind::kFloat64)) return TypeKind::kFloat64;
  if (both(TypeKind::kDate, TypeKind::kTimestamp)) return TypeKind::kTimestamp;
  if (both(TypeKind::kDate, TypeKind::kDatetime)) return TypeKind::kDatetime;
  if (both(TypeKind::kDatetime, TypeKind::kTimestamp)) return TypeKind::kTimestamp;
  return TypeKind::kString;
}

// A JSON member's type as it grows with each record; nothing yet while only nulls were seen.
struct Seen {
  bool array = false;
  bool any = false;
  TypeKind kind = TypeKind::kString;
  std::vector<std::pair<std::string, Seen>> members;  // of objects, in order of appearance

  Seen& MemberOf(const std::string& name) {
    for (auto& [known, seen] : members) {
      if (schema::EqualsIgnoreCase(known, name)) return seen;
    }
    return members.emplace_back(name, Seen()).second;
  }
};

void See(const json& value, Seen& seen, int depth) {
  if (value.is_null() || depth > 15) return;
  if (value.is_array()) {
    seen.array = true;
    for (const json& element : value) See(element, seen, depth + 1);
    return;
  }
  TypeKind kind = TypeKind::kString;
  if (value.is_object()) {
    kind = TypeKind::kStruct;
    for (const auto& [name, member] : value.items()) See(member, seen.MemberOf(name), depth + 1);
  } else if (value.is_boolean()) {
    kind = TypeKind::kBool;
  } else if (value.is_number_integer()) {
    kind = TypeKind::kInt64;
  } else if (value.is_number()) {
    kind = TypeKind::kFloat64;
  } else {
    kind = KindOfText(value.get_ref<const std::string&>());
  }
  seen.kind = seen.any ? Wider(seen.kind, kind) : kind;
  seen.any = true;
}

Type TypeOf(const Seen& seen) {
  Type type = Scalar(seen.kind);
  if (seen.kind == TypeKind::kStruct) {
    for (const auto& [name, member] : seen.members) type.fields.push_back({name, TypeOf(member)});
  }
  return seen.array ? Type::Array(std::move(type)) : type;
}

absl::StatusOr<std::vector<Column>> DetectJson(RecordReader& reader) {
  Seen root;
  for (int i = 0; i < kRecordsMax; ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(std::optional<RawRow> row, reader.Next());
    if (!row) break;
    // Members in the order of the text, which nlohmann's plain objects do not keep.
    const auto value = nlohmann::ordered_json::parse(row->json, nullptr, false);
    if (!value.is_object()) continue;
    for (const auto& [name, member] : value.items()) {
      See(ParseJson(member.dump(-1, ' ', false, json::error_handler_t::replace)),
          root.MemberOf(name), 1);
    }
  }
  std::vector<Column> columns;
  for (const auto& [name, seen] : root.members) {
    columns.push_back({name, TypeOf(seen), schema::Mode::kNullable, ""});
  }
  return columns;
}

std::string ColumnName(const std::string& text, size_t index) {
  std::string name;
  for (char c : text) {
    const bool plain = schema::IsAlpha(c) || schema::IsDigit(c) || c == '_' || (c & 0x80) != 0;
    name += plain ? c : '_';
  }
  if (name.empty()) return Concat("string_field_", index);
  return schema::IsDigit(name[0]) ? Concat("_", name) : name;
}

absl::StatusOr<std::vector<Column>> DetectCsv(RecordReader& reader, FileOptions& options) {
  std::vector<std::vector<CsvField>> rows;
  for (int i = 0; i < kRecordsMax; ++i) {
    AFLUENTE_ASSIGN_OR_RETURN(std::optional<RawRow> row, reader.Next());
    if (!row) break;
    rows.push_back(std::move(row->fields));
  }
  if (rows.empty()) return std::vector<Column>();
  size_t header =
      options.skip_leading_rows > 0 ? static_cast<size_t>(options.skip_leading_rows) - 1 : 0;
  header = std::min(header, rows.size() - 1);
  const size_t width = rows[header].size();
  std::vector<std::optional<TypeKind>> kinds(width);
  for (size_t r = header + 1; r < rows.size(); ++r) {
    for (size_t c = 0; c < std::min(width, rows[r].size()); ++c) {
      const std::string& text = rows[r][c].text;
      if (text.empty()) continue;
      const TypeKind kind = KindOfText(text);
      kinds[c] = kinds[c] ? Wider(*kinds[c], kind) : kind;
    }
  }
  // A first row of texts over columns that hold other things names them; so BigQuery judges.
  bool texts = true;
  bool differs = rows.size() == 1;
  for (size_t c = 0; c < width; ++c) {
    texts = texts && KindOfText(rows[header][c].text) == TypeKind::kString;
    differs = differs || (kinds[c] && *kinds[c] != TypeKind::kString);
  }
  const bool named = options.skip_leading_rows > 0 || (texts && differs);
  if (named && options.skip_leading_rows == 0) options.skip_leading_rows = 1;
  std::vector<Column> columns;
  for (size_t c = 0; c < width; ++c) {
    TypeKind kind = kinds[c].value_or(TypeKind::kString);
    const std::string& text = rows[header][c].text;
    if (!named && !text.empty()) kind = kinds[c] ? Wider(kind, KindOfText(text)) : KindOfText(text);
    const Type type = Scalar(kind);
    columns.push_back(
        {named ? ColumnName(text, c) : Concat(schema::Lowercase(type.ToString()), "_field_", c),
         type, schema::Mode::kNullable, ""});
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::vector<Column>> DetectColumns(RecordReader& reader, FileOptions& options) {
  if (options.format == FileOptions::Format::kAvro) return reader.columns();
  AFLUENTE_RETURN_IF_ERROR(reader.Rewind());
  absl::StatusOr<std::vector<Column>> columns =
      options.format == FileOptions::Format::kCsv ? DetectCsv(reader, options) : DetectJson(reader);
  AFLUENTE_RETURN_IF_ERROR(reader.Rewind());
  return columns;
}

}  // namespace afluente::warehouse::jobs
