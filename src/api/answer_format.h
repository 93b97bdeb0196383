#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/type.h"
#include "warehouse/column_batch.h"
#include "warehouse/row_json.h"

namespace afluente::api {

enum class AnswerFormat { kJson, kNdjson, kCsv };

std::string_view ContentType(AnswerFormat format);

// The format that an Accept header (RFC 9110, 12.5.1) likes best, JSON where it does not care;
// nullopt when it takes none. An empty header takes anything.
std::optional<AnswerFormat> NegotiateFormat(std::string_view accept);

// Gathers an answer's body: JSON with its envelope, NDJSON and CSV the rows alone. One answer, one
// thread.
class AnswerWriter {
 public:
  // Both must outlive the writer.
  AnswerWriter(AnswerFormat format, const std::vector<schema::Column>& columns,
               const warehouse::RowJsonWriter& rows);
  void Append(const warehouse::ColumnBatch& batch);
  size_t rows() const { return count_; }
  size_t bytes() const { return body_.size(); }
  std::string Finish();

 private:
  void AppendRow(const warehouse::ColumnBatch& batch, size_t row);

  AnswerFormat format_;
  const warehouse::RowJsonWriter& rows_;
  size_t count_ = 0;
  std::string body_;
};

}  // namespace afluente::api
