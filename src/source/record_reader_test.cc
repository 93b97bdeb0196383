#include "source/record_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace afluente::source {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::vector<std::string>> ReadAll(const std::string& text, RecordFormat format) {
  std::istringstream in(text);
  auto reader = RecordReader::Create(in, format, "f");
  std::vector<std::string> records;
  while (true) {
    auto record = reader->Next();
    if (!record.ok()) return record.status();
    if (!*record) return records;
    records.push_back(**record);
  }
}

TEST(NdjsonTest, ALineIsTheDataVerbatim) {
  auto records = ReadAll("{\"a\": 1}\n\n not json \r\nlast", RecordFormat::kNdjson);
  ASSERT_TRUE(records.ok());
  EXPECT_THAT(*records, ElementsAre("{\"a\": 1}", " not json ", "last"));
}

TEST(CsvTest, ARowIsAnObjectOfStringsAndEmptyIsNull) {
  auto records = ReadAll("a,b\r\n1,\n\"x \"\"y\"\",\nz\",\"\"\n", RecordFormat::kCsv);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_THAT(*records,
              ElementsAre(R"({"a":"1","b":null})", "{\"a\":\"x \\\"y\\\",\\nz\",\"b\":null}"));
}

TEST(CsvTest, HeaderAlonePublishesNothing) {
  auto records = ReadAll("a,b\n", RecordFormat::kCsv);
  ASSERT_TRUE(records.ok());
  EXPECT_TRUE(records->empty());
  EXPECT_TRUE(ReadAll("", RecordFormat::kCsv)->empty());
}

TEST(CsvTest, ErrorsNameTheLine) {
  EXPECT_THAT(ReadAll("a,b\n1,2\n\n1\n", RecordFormat::kCsv).status().message(),
              HasSubstr("f:4: a row of 1 fields; the header has 2"));
  EXPECT_THAT(ReadAll("a,a\n", RecordFormat::kCsv).status().message(),
              HasSubstr("f:1: the header names a twice"));
  EXPECT_THAT(ReadAll("a\n\"open", RecordFormat::kCsv).status().message(),
              HasSubstr("f:2: a quoted field does not end"));
  EXPECT_THAT(ReadAll("a\n\"x\"y\n", RecordFormat::kCsv).status().message(),
              HasSubstr("text after a closing quote"));
  EXPECT_THAT(ReadAll("a\n\xff\n", RecordFormat::kCsv).status().message(),
              HasSubstr("f:2: field 1 is not UTF-8"));
}

TEST(FormatTest, ByEnding) {
  EXPECT_EQ(*FormatOfFile("x.csv"), RecordFormat::kCsv);
  EXPECT_EQ(*FormatOfFile("x.jsonl"), RecordFormat::kNdjson);
  EXPECT_FALSE(FormatOfFile("x.parquet").ok());
}

}  // namespace
}  // namespace afluente::source
