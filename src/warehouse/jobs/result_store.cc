#include "warehouse/jobs/result_store.h"

#include <algorithm>

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/jobs/batch_bytes.h"

namespace afluente::warehouse::jobs {
namespace {

constexpr uint64_t kInMemoryMax = 8 << 20;   // of one result; beyond it a file
constexpr uint64_t kMemoryMax = 128 << 20;   // of all
constexpr uint64_t kResultMax = 2ull << 30;  // of one result
constexpr uint64_t kDiskMax = 4ull << 30;    // of all
constexpr size_t kResultsMax = 2'000;
constexpr uint64_t kOverhead = 1'024;  // of a result without rows

uint64_t BytesOf(const ColumnVector& column) {
  uint64_t bytes = column.valid.size() + column.ints.size() * 8 + column.doubles.size() * 8 +
                   column.bytes.size() + column.offsets.size() * 4;
  for (const ColumnVector& child : column.children) bytes += BytesOf(child);
  return bytes;
}

}  // namespace

QueryResult::~QueryResult() {
  if (file_ == nullptr) return;
  file_.reset();
  files_->Remove(path_).IgnoreError();
}

absl::Status QueryResult::WritePiece(Piece& piece, const ColumnBatch& batch) {
  const std::string bytes = BatchToBytes(batch);
  AFLUENTE_RETURN_IF_ERROR(file_->WriteAt(piece.offset, bytes));
  piece.size = bytes.size();
  piece.batch = nullptr;
  return absl::OkStatus();
}

absl::Status QueryResult::Spill() {
  AFLUENTE_ASSIGN_OR_RETURN(file_, files_->Open(path_, host::FileSystem::Mode::kCreateSecret));
  uint64_t offset = 0;
  for (Piece& piece : pieces_) {
    const std::shared_ptr<const ColumnBatch> batch = piece.batch;
    piece.offset = offset;
    AFLUENTE_RETURN_IF_ERROR(WritePiece(piece, *batch));
    offset += piece.size;
  }
  memory_bytes_ = kOverhead;
  return absl::OkStatus();
}

absl::Status QueryResult::Add(ColumnBatch batch) {
  uint64_t bytes = 0;
  for (const ColumnVector& column : batch.columns) bytes += BytesOf(column);
  bytes_ += bytes;
  if (bytes_ > kResultMax) {
    return absl::ResourceExhaustedError(
        "Response too large to return. Consider specifying a destination table in your job "
        "configuration.");
  }
  Piece piece;
  piece.first_row = rows_;
  rows_ += batch.rows;
  if (file_ != nullptr) {
    piece.offset = pieces_.empty() ? 0 : pieces_.back().offset + pieces_.back().size;
    AFLUENTE_RETURN_IF_ERROR(WritePiece(piece, batch));
    pieces_.push_back(std::move(piece));
    return absl::OkStatus();
  }
  piece.batch = std::make_shared<const ColumnBatch>(std::move(batch));
  pieces_.push_back(std::move(piece));
  memory_bytes_ += bytes;
  return memory_bytes_ > kInMemoryMax ? Spill() : absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const ColumnBatch>> QueryResult::Load(const Piece& piece) const {
  if (piece.batch != nullptr) return piece.batch;
  AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, file_->ReadAt(piece.offset, piece.size));
  auto batch = std::make_shared<ColumnBatch>();
  if (!BatchFromBytes(bytes, columns_, *batch)) {
    return absl::DataLossError("a query's kept rows are damaged");
  }
  return batch;
}

absl::Status QueryResult::Visit(
    uint64_t start, absl::FunctionRef<bool(const ColumnBatch& batch, size_t row)> visit) const {
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), start,
                                [](uint64_t row, const Piece& p) { return row < p.first_row; });
  if (piece != pieces_.begin()) --piece;
  for (; piece != pieces_.end(); ++piece) {
    AFLUENTE_ASSIGN_OR_RETURN(std::shared_ptr<const ColumnBatch> batch, Load(*piece));
    const uint64_t skipped = start > piece->first_row ? start - piece->first_row : 0;
    for (size_t row = skipped; row < batch->rows; ++row) {
      if (!visit(*batch, row)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const QueryResult>> ResultStore::Keep(const std::string& name,
                                                                     ResultStream& stream) {
  auto result = std::make_shared<QueryResult>();
  result->files_ = &files_;
  result->path_ = schema::Concat(staging_directory_, "/result-", host::RandomHex(8));
  result->columns_ = stream.columns();
  result->memory_bytes_ = kOverhead;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(ColumnBatch batch, stream.Next());
    if (batch.rows == 0) break;
    AFLUENTE_RETURN_IF_ERROR(result->Add(std::move(batch)));
  }
  absl::MutexLock lock(&mutex_);
  if (auto known = entries_.find(name); known != entries_.end()) Erase(known);
  by_age_.push_back(name);
  entries_[name] = {result, std::prev(by_age_.end())};
  memory_bytes_ += result->memory_bytes_;
  if (result->file_ != nullptr) disk_bytes_ += result->bytes_;
  while (entries_.size() > 1 &&
         (memory_bytes_ > kMemoryMax || disk_bytes_ > kDiskMax || entries_.size() > kResultsMax)) {
    Erase(entries_.find(by_age_.front()));
  }
  return result;
}

std::shared_ptr<const QueryResult> ResultStore::Find(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.result;
}

void ResultStore::Remove(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  auto found = entries_.find(name);
  if (found != entries_.end()) Erase(found);
}

void ResultStore::Erase(std::map<std::string, Entry>::iterator entry) {
  const QueryResult& result = *entry->second.result;
  memory_bytes_ -= result.memory_bytes_;
  if (result.file_ != nullptr) disk_bytes_ -= result.bytes_;
  by_age_.erase(entry->second.place);
  entries_.erase(entry);
}

}  // namespace afluente::warehouse::jobs
