#include "cli/record_input.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/check.h"
#include "warehouse/duckdb/parquet_rows.h"

namespace afluente::cli {
namespace {

// Takes the ending of a packed file off `path`.
http::ContentCoding TakeCoding(std::string& path) {
  const std::pair<const char*, http::ContentCoding> endings[] = {
      {".gz", http::ContentCoding::kGzip}, {".zst", http::ContentCoding::kZstd}};
  for (const auto& [ending, coding] : endings) {
    if (!absl::EndsWith(path, ending)) continue;
    path.resize(path.size() - std::string_view(ending).size());
    return coding;
  }
  return http::ContentCoding::kIdentity;
}

}  // namespace

RecordInput::RecordInput() = default;
RecordInput::~RecordInput() = default;

absl::Status RecordInput::OpenFile(const std::string& path) {
  name_ = std::filesystem::path(path).filename().string();
  if (absl::EndsWith(path, ".parquet")) {
    AFLUENTE_ASSIGN_OR_RETURN(parquet_, warehouse::duckdb::ParquetRows::Open(path));
    bytes_total_ = parquet_->rows_total();
    return absl::OkStatus();
  }
  std::string plain = path;
  const http::ContentCoding coding = TakeCoding(plain);
  AFLUENTE_ASSIGN_OR_RETURN(const auto format, source::FormatOfFile(plain));
  file_.open(path, std::ios::binary);
  if (!file_) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be opened"));
  std::error_code error;
  bytes_total_ = std::filesystem::file_size(path, error);
  std::istream* stream = &file_;
  if (coding != http::ContentCoding::kIdentity) {
    unpacked_ = std::make_unique<source::PackedStream>(file_, coding);
    stream = unpacked_.get();
  }
  reader_ = source::RecordReader::Create(*stream, format, path);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RecordInput>> RecordInput::Open(const std::string& path,
                                                               uint64_t skip) {
  auto input = std::make_unique<RecordInput>();
  if (path.empty()) {
    input->reader_ = source::RecordReader::Create(std::cin, source::RecordFormat::kNdjson, "stdin");
  } else {
    AFLUENTE_RETURN_IF_ERROR(input->OpenFile(path));
  }
  while (input->records_ < skip) {
    AFLUENTE_ASSIGN_OR_RETURN(const auto record, input->Next());
    if (!record) break;
  }
  return input;
}

absl::StatusOr<std::optional<std::string>> RecordInput::Next() {
  auto record = parquet_ ? parquet_->Next() : reader_->Next();
  if (record.ok() && record->has_value()) ++records_;
  // Some readers take a stream that breaks for one that ends.
  if (record.ok() && !record->has_value() && unpacked_ && unpacked_->bad()) {
    return absl::InvalidArgumentError(
        absl::StrCat("after record ", records_, " the file cannot be unpacked: damaged or cut"));
  }
  return record;
}

uint64_t RecordInput::bytes_read() const {
  if (parquet_) return records_;  // of so many rows
  return unpacked_ ? unpacked_->packed_bytes_read() : reader_->bytes_read();
}

}  // namespace afluente::cli
