#include "warehouse/jobs/row_file.h"

#include <gtest/gtest.h>

#include "host/faulty_file_system.h"
#include "warehouse/jobs/job.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::TypeKind;
using schema::Value;

class RowFileTest : public ::testing::Test {
 protected:
  // The columns found and the rows, or the first error.
  absl::Status Read(const std::string& text, FileOptions options) {
    files_.SetContent("/f", text);
    auto file = files_.Open("/f", host::FileSystem::Mode::kRead);
    if (!file.ok()) return file.status();
    auto reader = OpenRecords(**file, options);
    if (!reader.ok()) return reader.status();
    auto columns = DetectColumns(**reader, options);
    if (!columns.ok()) return columns.status();
    columns_ = *columns;
    RowDecoder decoder(columns_, options);
    rows_.clear();
    for (int64_t index = 0;; ++index) {
      auto row = (*reader)->Next();
      if (!row.ok()) return row.status();
      if (!*row) return absl::OkStatus();
      if (index < options.skip_leading_rows) continue;
      auto values = decoder.Decode(**row);
      if (!values.ok()) return values.status();
      rows_.push_back(*std::move(values));
    }
  }
  std::string Columns() const {
    std::string text;
    for (const schema::Column& column : columns_) {
      text += column.name + " " + column.type.ToString() + ";";
    }
    return text;
  }

  host::FaultyFileSystem files_;
  std::vector<schema::Column> columns_;
  std::vector<std::vector<Value>> rows_;
};

Value Text(std::string text) { return Value(std::move(text)); }

TEST_F(RowFileTest, CsvIsReadWithQuotesAndItsTypesAreFound) {
  ASSERT_TRUE(
      Read("id,name,day,score\r\n1,\"a \"\"b\"\", c\",2024-01-02,1.5\r\n2,,2024-01-03,2\n", {})
          .ok());
  EXPECT_EQ(Columns(), "id INT64;name STRING;day DATE;score FLOAT64;");
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_EQ(rows_[0][1], Text("a \"b\", c"));
  EXPECT_TRUE(rows_[1][1].is_null());
  EXPECT_EQ(rows_[1][3], Value(2.0));
}

TEST_F(RowFileTest, QuotedNothingIsATextAndUnquotedIsNull) {
  ASSERT_TRUE(Read("a,b\n\"\",1\n,2\n", {}).ok());
  EXPECT_EQ(rows_[0][0], Text(""));
  EXPECT_TRUE(rows_[1][0].is_null());
  FileOptions marked;
  marked.null_markers = {"NA"};
  ASSERT_TRUE(Read("a,b\nNA,1\n\"NA\",2\n", marked).ok());
  EXPECT_TRUE(rows_[0][0].is_null());
  EXPECT_EQ(rows_[1][0], Text("NA"));
}

TEST_F(RowFileTest, QuotedLineBreaksNeedTheirOption) {
  const std::string text = "a,b\n\"x\ny\",1\n";
  EXPECT_TRUE(absl::IsInvalidArgument(Read(text, {})));
  FileOptions options;
  options.allow_quoted_newlines = true;
  ASSERT_TRUE(Read(text, options).ok());
  EXPECT_EQ(rows_[0][0], Text("x\ny"));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("a,b\n\"never closed,1\n", options)));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("a,b\n\"x\"y,1\n", options)));
}

TEST_F(RowFileTest, LinesOfAnotherWidthAreRefusedUnlessAllowed) {
  EXPECT_TRUE(absl::IsInvalidArgument(Read("a,b\n1,2\n1,2,3\n", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("a,b\n1,2\n1\n", {})));
  FileOptions options;
  options.allow_jagged_rows = true;
  options.ignore_unknown_values = true;
  ASSERT_TRUE(Read("a,b\n1,2\n1,2,3\n1\n", options).ok());
  EXPECT_EQ(rows_.size(), 3u);
  EXPECT_TRUE(rows_[2][1].is_null());
}

TEST_F(RowFileTest, JsonTypesGrowWithWhatIsSeen) {
  FileOptions options;
  options.format = FileOptions::Format::kJson;
  ASSERT_TRUE(Read("{\"b\": 1, \"a\": {\"x\": true, \"ys\": [1]}}\n\n"
                   "{\"b\": 1.5, \"c\": [\"s\"], \"at\": \"2024-01-02T03:04:05Z\"}",
                   options)
                  .ok());
  EXPECT_EQ(Columns(), "b FLOAT64;a STRUCT<x BOOL, ys ARRAY<INT64>>;c ARRAY<STRING>;at TIMESTAMP;");
  EXPECT_EQ(rows_.size(), 2u);
  EXPECT_TRUE(absl::IsInvalidArgument(Read("{\"a\": 1}\n{broken\n", options)));
}

TEST_F(RowFileTest, WhatIsNoAvroOrIsCompressedIsRefused) {
  FileOptions options;
  options.format = FileOptions::Format::kAvro;
  EXPECT_TRUE(absl::IsInvalidArgument(Read("Obj", options)));
  EXPECT_TRUE(absl::IsInvalidArgument(Read(std::string("Obj\x01\x02\x00", 6), options)));
  EXPECT_TRUE(absl::IsUnimplemented(Read("\x1f\x8b rest", {})));
}

TEST(JobTest, AJobSurvivesItsRecord) {
  Job job;
  job.project = "p";
  job.id = "j";
  job.kind = "LOAD";
  job.configuration = R"({"load":{}})";
  job.state = JobState::kDone;
  job.error = JobError{"invalid", "bad \xff byte", "here"};
  job.errors = {*job.error};
  job.affected_rows = 7;
  job.ended_ms = 1'700'000'000'000;
  Job read;
  ASSERT_TRUE(JobFromJson(JobToJson(job), read).ok());
  EXPECT_EQ(read.id, "j");
  EXPECT_EQ(read.state, JobState::kDone);
  EXPECT_EQ(read.error->reason, "invalid");
  EXPECT_EQ(read.errors.size(), 1u);
  EXPECT_EQ(read.affected_rows, 7);
  EXPECT_EQ(read.ended_ms, job.ended_ms);
  EXPECT_TRUE(absl::IsDataLoss(JobFromJson("{}", read)));
  EXPECT_TRUE(absl::IsDataLoss(JobFromJson("[[[", read)));
}

}  // namespace
}  // namespace afluente::warehouse::jobs
