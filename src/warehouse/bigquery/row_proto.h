#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/type.h"
#include "schema/value.h"

namespace google::protobuf {
class DescriptorProto;
}

namespace afluente::warehouse::bigquery {

// Rows of one table as the protocol buffers that BigQuery's Storage Write API takes ("Supported
// protocol buffer and Arrow data types"): a field for each column, by number from 1 in the order of
// the columns; then, for tables with a primary key, the pseudo-columns of an upsert. Immutable.
class RowProto {
 public:
  RowProto(std::vector<schema::Column> columns, bool upsert);

  // Describes what Encode gives, for the stream's first request.
  void Describe(google::protobuf::DescriptorProto* descriptor) const;

  // `values` are the columns' own types; a row that replaces another of the same key when its
  // `version` is not lower. Of a table without a key, `version` is not sent.
  std::string Encode(const std::vector<schema::Value>& values, std::string_view version) const;

 private:
  const std::vector<schema::Column> columns_;
  const bool upsert_;
};

}  // namespace afluente::warehouse::bigquery
