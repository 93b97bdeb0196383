#include "warehouse/storage/arrow_incoming.h"

#include <utility>

#include "absl/strings/cord.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/arrow/arrow_rows.h"

namespace afluente::warehouse::storage {
namespace {

class BatchRows final : public ArrowIncoming {
 public:
  absl::Status Open(const std::string& schema, const TableSchema& table) {
    std::vector<schema::Column> columns = table.columns;
    columns_ = columns.size();
    for (const char* name : {kChangeType, kChangeSequence}) {
      columns.push_back({name, {schema::TypeKind::kString, {}}, schema::Mode::kNullable, ""});
    }
    std::vector<std::string> extra;
    AFLUENTE_ASSIGN_OR_RETURN(reader_, arrow::ArrowRows::Create(schema, columns, extra));
    return extra.empty() ? absl::OkStatus() : ExtraField("Arrow schema", extra[0]);
  }

  absl::StatusOr<std::vector<IncomingRow>> Decode(const std::string& batch) override {
    AFLUENTE_ASSIGN_OR_RETURN(auto decoded, reader_->Decode(batch));
    std::vector<IncomingRow> rows;
    rows.reserve(decoded.size());
    for (std::vector<schema::Value>& values : decoded) {
      IncomingRow row;
      if (const auto* type = std::get_if<std::string>(&values[columns_].data)) {
        AFLUENTE_ASSIGN_OR_RETURN(row.change, ChangeOf(*type));
      }
      values.resize(columns_);
      row.values = std::move(values);
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  std::unique_ptr<arrow::ArrowRows> reader_;
  size_t columns_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ArrowIncoming>> ArrowIncoming::Create(const std::string& schema,
                                                                     const TableSchema& table) {
  auto rows = std::make_unique<BatchRows>();
  AFLUENTE_RETURN_IF_ERROR(rows->Open(schema, table));
  return std::unique_ptr<ArrowIncoming>(std::move(rows));
}

}  // namespace afluente::warehouse::storage
