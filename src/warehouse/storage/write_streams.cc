#include "warehouse/storage/write_streams.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/cord.h"
#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"

namespace afluente::warehouse::storage {
namespace {

using schema::Concat;
using schema::Value;

constexpr char kStreams[] = "write_streams";
// What was never committed is given up then, with its rows.
constexpr int64_t kLifeMicros = int64_t{7} * 24 * 3'600 * 1'000'000;

std::string StagedSpace(const std::string& stream) { return Concat("write_stream_rows/", stream); }

// By its order as text the order of the rows.
std::string StagedKey(int64_t offset) {
  char text[24];
  std::snprintf(text, sizeof(text), "%020lld", static_cast<long long>(offset));
  return text;
}

RecordChange Kept(const StreamState& state) { return {kStreams, state.Name(), state.Encode()}; }

bool Waits(const StreamState& state) {
  return state.type == StreamType::kPending || state.type == StreamType::kBuffered;
}

std::optional<size_t> ColumnIndex(const TableSchema& table, const std::string& name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == name) return i;
  }
  return std::nullopt;
}

// The columns that tell a table's rows apart where rows may replace each other. A table that a
// function feeds from elsewhere declares the message's columns itself.
std::vector<std::string> KeyOf(const TableSchema& table) {
  if (ColumnIndex(table, "_message_id") && ColumnIndex(table, "_message_row")) {
    return {"_message_id", "_message_row"};
  }
  if (table.name.table == "dead_letters") return {"message_id", "function"};
  return {};
}

// Rows in the engine's form: the message's columns stand apart from the declared ones.
StoredRow ToStored(const TableSchema& table, std::vector<Value> values) {
  StoredRow row;
  if (!table.function_fed) {
    row.values = std::move(values);
    return row;
  }
  for (size_t i = 0; i < table.columns.size(); ++i) {
    Value& value = values[i];
    if (table.columns[i].name == "_message_id") {
      if (const auto* id = std::get_if<std::string>(&value.data)) row.message_id = *id;
    } else if (table.columns[i].name == "_message_row") {
      if (const auto* number = std::get_if<int64_t>(&value.data)) row.message_row = *number;
    } else {
      row.values.push_back(std::move(value));
    }
  }
  return row;
}

// What rows that replace or remove others do to a table, and which of them stay: of one key the
// last.
absl::Status AddChanges(const TableSchema& table, std::vector<IncomingRow> rows, TableRows& to) {
  const bool changes = std::any_of(rows.begin(), rows.end(), [](const IncomingRow& row) {
    return row.change != IncomingRow::Change::kInsert;
  });
  if (!changes) {
    for (IncomingRow& row : rows) to.rows.push_back(ToStored(table, std::move(row.values)));
    return absl::OkStatus();
  }
  to.key_columns = KeyOf(table);
  if (to.key_columns.empty()) {
    return absl::InvalidArgumentError(Concat("table ", table.name.ToString(),
                                             " has no primary key, so it takes no _CHANGE_TYPE"));
  }
  std::map<std::string, size_t> last;
  std::vector<std::vector<Value>> keys;
  std::vector<std::string> texts;
  for (const IncomingRow& row : rows) {
    std::vector<Value> key;
    std::string text;
    for (const std::string& name : to.key_columns) {
      key.push_back(row.values[*ColumnIndex(table, name)]);
      const Value& part = key.back();
      if (const auto* number = std::get_if<int64_t>(&part.data)) {
        text += Concat("i", *number, "\n");
      } else if (const auto* word = std::get_if<std::string>(&part.data)) {
        text += Concat("s", word->size(), ":", *word, "\n");
      } else {
        return absl::InvalidArgumentError(Concat("primary key column ", name, " is NULL"));
      }
    }
    last[text] = texts.size();
    texts.push_back(std::move(text));
    keys.push_back(std::move(key));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (last[texts[i]] != i) continue;
    to.keys.push_back(std::move(keys[i]));
    if (rows[i].change == IncomingRow::Change::kDelete) continue;
    to.rows.push_back(ToStored(table, std::move(rows[i].values)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StorageError(absl::StatusCode code, StorageErrorCode reason, std::string message) {
  absl::Status status(code, message);
  status.SetPayload(kStorageError, absl::Cord(std::to_string(static_cast<int>(reason))));
  return status;
}

// The rows that wait of one stream, a request at a time.
class WriteStreams::StagedSource final : public RowSource {
 public:
  StagedSource(std::vector<DurableRecord> records, const Restage& restage, const TableSchema& table,
               int64_t from, int64_t to)
      : records_(std::move(records)), restage_(restage), table_(table), from_(from), to_(to) {}

  absl::StatusOr<std::vector<StoredRow>> Next() override {
    while (next_ < records_.size()) {
      const DurableRecord& record = records_[next_++];
      int64_t offset = std::stoll(record.key);
      AFLUENTE_ASSIGN_OR_RETURN(std::vector<IncomingRow> rows, restage_(record.value, table_));
      std::vector<StoredRow> stored;
      for (IncomingRow& row : rows) {
        if (offset >= from_ && offset < to_) {
          stored.push_back(ToStored(table_, std::move(row.values)));
        }
        ++offset;
      }
      if (!stored.empty()) return stored;
    }
    return std::vector<StoredRow>();
  }
  absl::Status Rewind() override {
    next_ = 0;
    return absl::OkStatus();
  }

 private:
  const std::vector<DurableRecord> records_;
  const Restage& restage_;
  const TableSchema& table_;
  const int64_t from_;
  const int64_t to_;
  size_t next_ = 0;
};

absl::Status WriteStreams::Open() {
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<DurableRecord> records, writer_.Records(kStreams));
  const int64_t oldest = NowMicros() - kLifeMicros;
  TableCommit gone;
  absl::MutexLock lock(&mutex_);
  for (const DurableRecord& record : records) {
    AFLUENTE_ASSIGN_OR_RETURN(StreamState state, DecodeStream(record.key, record.value));
    if (state.created_us < oldest) {
      gone.records.push_back({kStreams, record.key, std::nullopt});
      AFLUENTE_ASSIGN_OR_RETURN(const auto staged, writer_.Records(StagedSpace(record.key)));
      for (const DurableRecord& each : staged) {
        gone.records.push_back({StagedSpace(record.key), each.key, std::nullopt});
      }
      continue;
    }
    auto stream = std::make_shared<Stream>();
    {
      absl::MutexLock stream_lock(&stream->mutex);
      stream->state = std::move(state);
    }
    streams_[record.key] = std::move(stream);
  }
  return gone.records.empty() ? absl::OkStatus() : writer_.Commit(std::move(gone)).status();
}

absl::StatusOr<TableSchema> WriteStreams::Table(const TableName& name) const {
  std::optional<TableSchema> table = catalog_.FindTable(name);
  if (table.has_value() && table->view_query.empty()) return *std::move(table);
  return StorageError(absl::StatusCode::kNotFound, StorageErrorCode::kTableNotFound,
                      Concat("Requested entity was not found: table ", name.ToString()));
}

absl::StatusOr<WriteStreams::StreamPtr> WriteStreams::Find(const StreamName& name) const {
  StreamState named;
  named.table = name.table;
  named.id = name.id;
  absl::MutexLock lock(&mutex_);
  const auto found = streams_.find(named.Name());
  if (found != streams_.end()) return found->second;
  return StorageError(absl::StatusCode::kNotFound, StorageErrorCode::kStreamNotFound,
                      Concat("Requested entity was not found: stream ", named.Name()));
}

absl::StatusOr<StreamState> WriteStreams::Create(const TableName& table, StreamType type) {
  AFLUENTE_RETURN_IF_ERROR(Table(table).status());
  StreamState state;
  state.type = type;
  state.table = table;
  state.id = host::RandomHex(16);
  state.created_us = NowMicros();
  if (type == StreamType::kCommitted) state.committed_us = state.created_us;
  {
    absl::MutexLock lock(&mutex_);
    if (static_cast<int64_t>(streams_.size()) >= kStreamsMax) {
      return absl::ResourceExhaustedError(
          Concat("there are ", kStreamsMax, " write streams; they go seven days after they began"));
    }
  }
  TableCommit commit;
  commit.records.push_back(Kept(state));
  AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  auto stream = std::make_shared<Stream>();
  {
    absl::MutexLock lock(&stream->mutex);
    stream->state = state;
  }
  absl::MutexLock lock(&mutex_);
  streams_[state.Name()] = std::move(stream);
  return state;
}

absl::StatusOr<StreamState> WriteStreams::Get(const StreamName& name) const {
  if (name.id == kDefaultStream) {
    AFLUENTE_RETURN_IF_ERROR(Table(name.table).status());
    StreamState state;
    state.type = StreamType::kDefault;
    state.table = name.table;
    state.id = name.id;
    return state;
  }
  AFLUENTE_ASSIGN_OR_RETURN(const StreamPtr stream, Find(name));
  absl::MutexLock lock(&stream->mutex);
  return stream->state;
}

absl::Status WriteStreams::StoreRows(const TableSchema& table, std::vector<IncomingRow> rows,
                                     std::vector<RecordChange> records) {
  TableCommit commit;
  TableRows stored;
  stored.table = table.name;
  AFLUENTE_RETURN_IF_ERROR(AddChanges(table, std::move(rows), stored));
  commit.tables.push_back(std::move(stored));
  commit.records = std::move(records);
  return writer_.Commit(std::move(commit)).status();
}

absl::StatusOr<std::optional<int64_t>> WriteStreams::Append(const StreamName& name,
                                                            RowsToAppend rows,
                                                            std::optional<int64_t> offset) {
  if (name.id == kDefaultStream) {
    if (offset.has_value()) {
      return absl::InvalidArgumentError("the default stream has no offsets");
    }
    AFLUENTE_ASSIGN_OR_RETURN(const TableSchema table, Table(name.table));
    AFLUENTE_RETURN_IF_ERROR(StoreRows(table, std::move(rows.rows), {}));
    return std::optional<int64_t>();
  }
  AFLUENTE_ASSIGN_OR_RETURN(const StreamPtr stream, Find(name));
  absl::MutexLock lock(&stream->mutex);
  const int64_t first = stream->state.rows;
  AFLUENTE_RETURN_IF_ERROR(AppendTo(*stream, rows, offset));
  return std::optional<int64_t>(first);
}

absl::Status WriteStreams::AppendTo(Stream& stream, RowsToAppend& rows,
                                    std::optional<int64_t> offset) {
  StreamState next = stream.state;
  if (next.finalized) {
    return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kStreamFinalized,
                        "the stream is finalized");
  }
  if (offset.has_value() && *offset < next.rows) {
    return StorageError(
        absl::StatusCode::kAlreadyExists, StorageErrorCode::kOffsetAlreadyExists,
        Concat("The offset is within stream, expected offset ", next.rows, ", received ", *offset));
  }
  if (offset.has_value() && *offset > next.rows) {
    return StorageError(
        absl::StatusCode::kOutOfRange, StorageErrorCode::kOffsetOutOfRange,
        Concat("The offset is beyond stream, expected offset ", next.rows, ", received ", *offset));
  }
  AFLUENTE_ASSIGN_OR_RETURN(const TableSchema table, Table(next.table));
  next.rows += static_cast<int64_t>(rows.rows.size());
  if (!Waits(next)) {
    AFLUENTE_RETURN_IF_ERROR(StoreRows(table, std::move(rows.rows), {Kept(next)}));
  } else {
    for (const IncomingRow& row : rows.rows) {
      if (row.change != IncomingRow::Change::kInsert) {
        return absl::InvalidArgumentError("_CHANGE_TYPE is for the default stream");
      }
    }
    next.staged_bytes += static_cast<int64_t>(rows.staged.size());
    if (next.staged_bytes > kStagedBytesMax) {
      return absl::ResourceExhaustedError(
          Concat("a stream may hold ", kStagedBytesMax, " bytes that are not in the table yet"));
    }
    TableCommit commit;
    commit.records.push_back(Kept(next));
    commit.records.push_back(
        {StagedSpace(next.Name()), StagedKey(stream.state.rows), std::move(rows.staged)});
    AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  }
  stream.state = std::move(next);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> WriteStreams::Finalize(const StreamName& name) {
  if (name.id == kDefaultStream) {
    return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kInvalidStreamType,
                        "the default stream is never finalized");
  }
  AFLUENTE_ASSIGN_OR_RETURN(const StreamPtr stream, Find(name));
  absl::MutexLock lock(&stream->mutex);
  if (stream->state.finalized) return stream->state.rows;
  StreamState next = stream->state;
  next.finalized = true;
  TableCommit commit;
  commit.records.push_back(Kept(next));
  AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  stream->state = std::move(next);
  return stream->state.rows;
}

absl::StatusOr<int64_t> WriteStreams::Flush(const StreamName& name, int64_t offset) {
  AFLUENTE_ASSIGN_OR_RETURN(const StreamPtr stream, Find(name));
  absl::MutexLock lock(&stream->mutex);
  StreamState next = stream->state;
  if (next.type != StreamType::kBuffered) {
    return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kInvalidStreamType,
                        "only buffered streams are flushed");
  }
  if (offset < 0 || offset >= next.rows) {
    return StorageError(absl::StatusCode::kOutOfRange, StorageErrorCode::kOffsetOutOfRange,
                        Concat("the stream has ", next.rows, " rows"));
  }
  if (offset < next.visible) return offset;
  AFLUENTE_ASSIGN_OR_RETURN(const TableSchema table, Table(next.table));
  const std::string space = StagedSpace(next.Name());
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<DurableRecord> staged, writer_.Records(space));
  TableCommit commit;
  for (size_t i = 0; i < staged.size(); ++i) {
    // A request's rows end where the next one's begin.
    const int64_t end = i + 1 < staged.size() ? std::stoll(staged[i + 1].key) : next.rows;
    if (end > offset + 1) break;
    commit.records.push_back({space, staged[i].key, std::nullopt});
    next.staged_bytes -= static_cast<int64_t>(staged[i].value.size());
  }
  StagedSource source(staged, restage_, table, next.visible, offset + 1);
  next.visible = offset + 1;
  commit.records.push_back(Kept(next));
  TableRows rows;
  rows.table = next.table;
  rows.source = &source;
  commit.tables.push_back(std::move(rows));
  AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  stream->state = std::move(next);
  return offset;
}

absl::Status WriteStreams::WhyNotCommitted(const StreamState& state) const {
  if (state.type != StreamType::kPending) {
    return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kInvalidStreamType,
                        "only pending streams are committed");
  }
  if (state.committed_us > 0) {
    return StorageError(absl::StatusCode::kInvalidArgument,
                        StorageErrorCode::kStreamAlreadyCommitted, "it is committed already");
  }
  if (!state.finalized) {
    return StorageError(absl::StatusCode::kInvalidArgument, StorageErrorCode::kInvalidStreamState,
                        "it is not finalized");
  }
  return absl::OkStatus();
}

absl::StatusOr<WriteStreams::Commit> WriteStreams::BatchCommit(
    const TableName& table_name,
    const std::vector<std::string>& names) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  AFLUENTE_ASSIGN_OR_RETURN(const TableSchema table, Table(table_name));
  // In the order of their names, so that two commits never wait for each other.
  std::map<std::string, StreamPtr> streams;
  Commit result;
  for (const std::string& name : names) {
    AFLUENTE_ASSIGN_OR_RETURN(const StreamName parsed, ParseName(name));
    if (parsed.table != table_name) {
      return absl::InvalidArgumentError(Concat(name, " is no stream of the table"));
    }
    absl::StatusOr<StreamPtr> stream = Find(parsed);
    if (stream.ok()) {
      streams[name] = *std::move(stream);
    } else {
      result.errors.emplace_back(name, stream.status());
    }
  }
  std::vector<std::unique_ptr<absl::MutexLock>> locks;
  for (const auto& [name, stream] : streams) {
    locks.push_back(std::make_unique<absl::MutexLock>(&stream->mutex));
    const absl::Status why_not = WhyNotCommitted(stream->state);
    if (!why_not.ok()) result.errors.emplace_back(name, why_not);
  }
  if (!result.errors.empty()) return result;
  result.committed_us = NowMicros();
  TableCommit commit;
  std::vector<std::unique_ptr<StagedSource>> sources;
  std::vector<StreamState> committed;
  for (const auto& [name, stream] : streams) {
    AFLUENTE_ASSIGN_OR_RETURN(std::vector<DurableRecord> staged,
                              writer_.Records(StagedSpace(name)));
    for (const DurableRecord& record : staged) {
      commit.records.push_back({StagedSpace(name), record.key, std::nullopt});
    }
    committed.push_back(stream->state);
    committed.back().committed_us = result.committed_us;
    committed.back().staged_bytes = 0;
    commit.records.push_back(Kept(committed.back()));
    sources.push_back(
        std::make_unique<StagedSource>(std::move(staged), restage_, table, 0, stream->state.rows));
    TableRows rows;
    rows.table = table_name;
    rows.source = sources.back().get();
    commit.tables.push_back(std::move(rows));
  }
  AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  size_t i = 0;
  for (const auto& [name, stream] : streams) stream->state = committed[i++];
  return result;
}

}  // namespace afluente::warehouse::storage
