#include "warehouse/storage/read_sessions.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_split.h"
#include "host/check.h"
#include "host/descriptor.h"
#include "host/posix_error.h"
#include "host/random.h"
#include "schema/text.h"
#include "warehouse/arrow/arrow_stream.h"
#include "warehouse/storage/avro_rows.h"

namespace afluente::warehouse::storage {
namespace {

using schema::Concat;

constexpr int kStreamsMax = 16;
// A stream should be worth a connection.
constexpr int64_t kStreamRowsMin = 10'000;

std::string Quoted(const std::string& name) {
  std::string quoted = "`";
  for (char c : name) {
    if (c == '`' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "`";
}

std::string SqlOf(const ReadQuestion& question) {
  std::string fields;
  for (const std::string& field : question.fields) {
    fields += Concat(fields.empty() ? "" : ", ", Quoted(field));
  }
  std::string sql =
      Concat("SELECT ", fields.empty() ? "*" : fields, " FROM ", Quoted(question.table.ToString()));
  if (!question.restriction.empty()) sql += Concat("\nWHERE (\n", question.restriction, "\n)");
  return sql;
}

// Result columns as the table has them: REQUIRED stays so.
std::vector<schema::Column> WithModes(std::vector<schema::Column> columns,
                                      const TableSchema& table) {
  for (schema::Column& column : columns) {
    for (const schema::Column& each : table.columns) {
      if (schema::EqualsIgnoreCase(each.name, column.name)) column.mode = each.mode;
    }
  }
  return columns;
}

}  // namespace

// A session's blocks in a file that has no name any more.
class ReadSessions::Spool {
 public:
  struct Block {
    int64_t at = 0;
    int64_t size = 0;
    int64_t rows = 0;
  };

  absl::Status Open(const std::string& directory) {
    const std::string path = Concat(directory, "/read-", host::RandomHex(16));
    file_ = host::Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file_.get() < 0) return host::PosixError(errno, "open", path);
    ::unlink(path.c_str());
    return absl::OkStatus();
  }
  absl::Status Add(const std::string& bytes, size_t rows) {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t wrote = host::Uninterrupted(
          [&] { return ::write(file_.get(), bytes.data() + done, bytes.size() - done); });
      if (wrote < 0) return host::PosixError(errno, "write", "a read session's file");
      done += static_cast<size_t>(wrote);
    }
    blocks_.push_back(
        {session.bytes, static_cast<int64_t>(bytes.size()), static_cast<int64_t>(rows)});
    session.bytes += static_cast<int64_t>(bytes.size());
    session.rows += static_cast<int64_t>(rows);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Read(const Block& block) const {
    std::string bytes(static_cast<size_t>(block.size), '\0');
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t got = host::Uninterrupted([&] {
        return ::pread(file_.get(), bytes.data() + done, bytes.size() - done,
                       block.at + static_cast<int64_t>(done));
      });
      if (got < 0) return host::PosixError(errno, "read", "a read session's file");
      if (got == 0) return absl::DataLossError("a read session's file is cut short");
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

  // Deals the blocks to streams of about the same number of rows.
  void Deal(int streams_max) {
    const int64_t worth = std::max<int64_t>(session.rows / kStreamRowsMin, 1);
    const int64_t count = std::clamp<int64_t>(streams_max <= 0 ? 1 : streams_max, 1,
                                              std::min<int64_t>(worth, kStreamsMax));
    int64_t before = 0;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (before * count >= session.rows * static_cast<int64_t>(begins_.size())) {
        begins_.push_back(i);
      }
      before += blocks_[i].rows;
    }
    for (size_t i = 0; i < begins_.size(); ++i) {
      session.streams.push_back(Concat(session.name, "/streams/", i));
    }
  }
  // The blocks of a stream.
  std::pair<size_t, size_t> RangeOf(size_t stream) const {
    return {begins_[stream], stream + 1 < begins_.size() ? begins_[stream + 1] : blocks_.size()};
  }
  const Block& block(size_t i) const { return blocks_[i]; }

  Session session;

 private:
  host::Descriptor file_;
  std::vector<Block> blocks_;
  std::vector<size_t> begins_;  // of each stream, its first block
};

namespace {

// Encodes batches in a session's format.
class Encoder {
 public:
  static absl::StatusOr<Encoder> Create(ReadFormat format,
                                        const std::vector<schema::Column>& columns) {
    Encoder encoder;
    encoder.columns_ = columns;
    if (format == ReadFormat::kAvro) {
      encoder.schema_ = AvroSchemaOf(columns);
      return encoder;
    }
    AFLUENTE_ASSIGN_OR_RETURN(encoder.arrow_, arrow::ArrowStream::Create(columns));
    encoder.schema_ = encoder.arrow_->Take();
    return encoder;
  }
  const std::string& schema() const { return schema_; }
  absl::StatusOr<std::string> Encode(const ColumnBatch& batch) {
    if (arrow_ == nullptr) return EncodeAvroRows(columns_, batch);
    AFLUENTE_RETURN_IF_ERROR(arrow_->Append(batch));
    return arrow_->Take();
  }

 private:
  std::vector<schema::Column> columns_;
  std::string schema_;
  std::unique_ptr<arrow::ArrowStream> arrow_;
};

}  // namespace

ReadSessions::ReadSessions(Warehouse& warehouse, const CatalogView& catalog,
                           const host::Clock& clock, std::string directory)
    : warehouse_(warehouse), catalog_(catalog), clock_(clock), directory_(std::move(directory)) {}
ReadSessions::~ReadSessions() = default;

void ReadSessions::DropOld() {
  const host::WallTime now = clock_.Now();
  std::erase_if(sessions_, [&](const auto& each) { return each.second->session.expires <= now; });
}

absl::StatusOr<ReadSessions::Session> ReadSessions::Create(const ReadQuestion& question) {
  const std::optional<TableSchema> table = catalog_.FindTable(question.table);
  if (!table.has_value()) {
    return absl::NotFoundError(Concat("Not found: Table ", question.table.ToString()));
  }
  int64_t bytes_left = kBytesMax;
  {
    absl::MutexLock lock(&mutex_);
    DropOld();
    if (sessions_.size() >= kSessionsMax) {
      return absl::ResourceExhaustedError(Concat("there are ", kSessionsMax, " read sessions"));
    }
    for (const auto& [name, spool] : sessions_) bytes_left -= spool->session.bytes;
  }
  const Statement statement{SqlOf(question), question.table.project, ""};
  // A restriction is an expression over the table's own columns: nothing else is read by it.
  AFLUENTE_ASSIGN_OR_RETURN(const StatementFacts facts, warehouse_.Describe(statement, {}));
  if (!facts.query ||
      (table->view_query.empty() && facts.tables_read != std::vector{question.table})) {
    return absl::InvalidArgumentError("row_restriction: expected an expression over the table");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const auto result, warehouse_.Query(statement, {}, {}));
  auto spool = std::make_shared<Spool>();  // shared with the streams that are read
  AFLUENTE_RETURN_IF_ERROR(spool->Open(directory_));
  AFLUENTE_ASSIGN_OR_RETURN(Encoder encoder,
                            Encoder::Create(question.format, WithModes(result->columns(), *table)));
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const ColumnBatch batch, result->Next());
    if (batch.rows == 0) break;
    AFLUENTE_ASSIGN_OR_RETURN(const std::string bytes, encoder.Encode(batch));
    AFLUENTE_RETURN_IF_ERROR(spool->Add(bytes, batch.rows));
    if (spool->session.bytes > bytes_left) {
      return absl::ResourceExhaustedError(
          Concat("read sessions hold more than ", kBytesMax, " bytes together"));
    }
  }
  spool->session.name =
      Concat("projects/", question.table.project, "/locations/US/sessions/", host::RandomHex(16));
  spool->session.schema = encoder.schema();
  spool->session.format = question.format;
  spool->session.expires = clock_.Now() + kLife;
  spool->Deal(question.streams_max);
  absl::MutexLock lock(&mutex_);
  sessions_[spool->session.name] = spool;
  return spool->session;
}

absl::StatusOr<std::unique_ptr<ReadSessions::Stream>> ReadSessions::Open(const std::string& stream,
                                                                         int64_t offset) {
  class SpoolStream final : public Stream {
   public:
    SpoolStream(std::shared_ptr<const Spool> spool, std::pair<size_t, size_t> range, size_t from)
        : spool_(std::move(spool)), range_(range), next_(from) {}
    const Session& session() const override { return spool_->session; }
    absl::StatusOr<std::optional<ReadBlock>> Next() override {
      if (next_ == range_.second) return std::optional<ReadBlock>();
      const Spool::Block& block = spool_->block(next_);
      AFLUENTE_ASSIGN_OR_RETURN(std::string bytes, spool_->Read(block));
      ++next_;
      return std::optional<ReadBlock>({std::move(bytes), block.rows});
    }
    double progress() const override {
      const double size = static_cast<double>(range_.second - range_.first);
      return size == 0 ? 1 : static_cast<double>(next_ - range_.first) / size;
    }

   private:
    const std::shared_ptr<const Spool> spool_;
    const std::pair<size_t, size_t> range_;
    size_t next_;
  };

  const size_t slash = stream.rfind("/streams/");
  std::shared_ptr<const Spool> spool;
  {
    absl::MutexLock lock(&mutex_);
    DropOld();
    const auto found = sessions_.find(stream.substr(0, std::min(slash, stream.size())));
    if (found != sessions_.end()) spool = found->second;
  }
  const std::vector<std::string>* streams = spool ? &spool->session.streams : nullptr;
  const auto at = streams ? std::find(streams->begin(), streams->end(), stream)
                          : std::vector<std::string>::const_iterator();
  if (streams == nullptr || at == streams->end()) {
    return absl::NotFoundError(Concat("Not found: stream ", stream.substr(0, 200)));
  }
  const auto range = spool->RangeOf(static_cast<size_t>(at - streams->begin()));
  size_t from = range.first;
  for (int64_t skipped = 0; skipped < offset; ++from) {
    if (from == range.second) return absl::OutOfRangeError("the stream has fewer rows");
    skipped += spool->block(from).rows;
    if (skipped > offset) {
      return absl::InvalidArgumentError("offset: expected the row behind an answer's last one");
    }
  }
  return std::unique_ptr<Stream>(new SpoolStream(std::move(spool), range, from));
}

}  // namespace afluente::warehouse::storage
