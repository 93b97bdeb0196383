#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/message/avro_definition.h"
#include "schema/message/problem.h"

namespace afluente::schema::avro {

// Values of Avro's primitive types as JSON for tables: logical types as BigQuery writes them, bytes
// as base64. What a logical type cannot hold (a day beyond the year 9999) stays a number.
void AppendInteger(std::string& out, const Type& type, int64_t value);
void AppendDouble(std::string& out, double value);
void AppendBytes(std::string& out, const Type& type, std::string_view bytes);

// One reading of a message's data: what is wrong with it, the JSON written so far (null: only
// checked), and how much more may be visited, so that a few bytes which stand for millions of
// values cost little.
class Reading {
 public:
  Reading(size_t data_bytes, std::string* out) : out_(out), values_left_(1'000'000 + data_bytes) {}

  std::string* out() const { return out_; }
  Problem& problem() { return problem_; }
  void Write(std::string_view text) {
    if (out_ != nullptr) out_->append(text);
  }
  // `text` as a JSON string.
  void WriteString(std::string_view text);
  // Called for each value; false after noting that there are too many of them.
  bool Visit(int depth);

 private:
  std::string* const out_;
  Problem problem_;
  uint64_t values_left_;
};

}  // namespace afluente::schema::avro
