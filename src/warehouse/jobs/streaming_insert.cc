#include "warehouse/jobs/streaming_insert.h"

#include <algorithm>
#include <cstring>

#include "event/by_name.h"
#include "host/check.h"
#include "schema/text.h"
#include "warehouse/jobs/job_work.h"

namespace afluente::warehouse::jobs {
namespace {

using schema::Concat;

constexpr char kSpace[] = "insert_ids";
constexpr int64_t kKeptMs = 10 * 60 * 1'000;
constexpr size_t kMarksMax = 1'000'000;
constexpr size_t kExpiredAtOnce = 8;

uint64_t Hash(uint64_t hash, std::string_view text) {
  for (unsigned char c : text) hash = (hash ^ c) * 1'099'511'628'211u;
  return (hash ^ 0xff) * 1'099'511'628'211u;
}

template <typename Number>
void PutNumber(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// A record: when it expires, then its marks.
std::string BatchToBytes(int64_t expires_ms, const std::vector<std::pair<uint64_t, uint64_t>>& m) {
  std::string out;
  PutNumber(out, expires_ms);
  for (const auto& [a, b] : m) {
    PutNumber(out, a);
    PutNumber(out, b);
  }
  return out;
}

// "$.a.b: what" of the decoder as BigQuery's location and message.
InsertError ErrorOfRow(size_t index, std::string_view text) {
  InsertError error{index, "invalid", "", std::string(text)};
  const size_t colon = text.find(": ");
  if (!text.starts_with("$") || colon == std::string_view::npos) return error;
  std::string_view path = text.substr(1, colon - 1);
  if (path.starts_with(".")) path.remove_prefix(1);
  error.location = std::string(path);
  error.message = std::string(text.substr(colon + 2));
  if (error.message.starts_with("unknown field")) {
    error.message = Concat("no such field: ", error.location, ".");
  }
  return error;
}

}  // namespace

std::vector<schema::Column> DeclaredColumns(const TableSchema& table) {
  std::vector<schema::Column> columns = table.columns;
  if (!table.function_fed) return columns;
  std::erase_if(columns, [](const schema::Column& column) {
    return column.name == "_message_id" || column.name == "_message_row";
  });
  return columns;
}

absl::Status StreamingInserts::Open() {
  AFLUENTE_ASSIGN_OR_RETURN(std::vector<DurableRecord> records, writer_.Records(kSpace));
  for (const DurableRecord& record : records) {
    Batch batch;
    batch.key = record.key;
    if (record.value.size() < 8 || record.value.size() % 16 != 8) {
      return absl::DataLossError("a record of insert ids is damaged");
    }
    std::memcpy(&batch.expires_ms, record.value.data(), 8);
    for (size_t at = 8; at < record.value.size(); at += 16) {
      Mark mark;
      std::memcpy(&mark.first, record.value.data() + at, 8);
      std::memcpy(&mark.second, record.value.data() + at + 8, 8);
      batch.marks.push_back(mark);
    }
    Remember(std::move(batch));
  }
  return absl::OkStatus();
}

std::vector<StreamingInserts::Mark> StreamingInserts::MarksOf(const InsertRequest& request,
                                                              const TableName& table) const {
  std::vector<Mark> marks;
  // A table that was dropped and made again knows no ids of the one before.
  const std::optional<TableSchema> known = catalog_.FindTable(table);
  const std::string name = Concat(table.ToString(), "@", known ? known->created_ms : int64_t{0});
  for (const InsertRequest::Row& row : request.rows) {
    if (row.insert_id.empty()) {
      marks.emplace_back(0, 0);
      continue;
    }
    marks.emplace_back(Hash(Hash(14'695'981'039'346'656'037u, name), row.insert_id),
                       Hash(Hash(0x9e3779b97f4a7c15u, row.insert_id), name));
  }
  return marks;
}

void StreamingInserts::Reserve(const std::vector<Mark>& marks) {
  absl::MutexLock lock(&mutex_);
  auto taken = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::any_of(marks.begin(), marks.end(),
                       [&](const Mark& mark) { return under_way_.contains(mark); });
  };
  while (taken()) released_.Wait(&mutex_);
  for (const Mark& mark : marks) {
    if (mark != Mark()) under_way_.insert(mark);
  }
}

void StreamingInserts::Release(const std::vector<Mark>& marks) {
  absl::MutexLock lock(&mutex_);
  for (const Mark& mark : marks) under_way_.erase(mark);
  released_.SignalAll();
}

std::set<StreamingInserts::Mark> StreamingInserts::Known(const std::vector<Mark>& marks) const {
  std::set<Mark> known;
  absl::MutexLock lock(&mutex_);
  for (const Mark& mark : marks) {
    if (known_.contains(mark)) known.insert(mark);
  }
  return known;
}

void StreamingInserts::Remember(Batch batch) {
  absl::MutexLock lock(&mutex_);
  for (const Mark& mark : batch.marks) ++known_[mark];
  batches_.push_back(std::move(batch));
}

// Whose time is over, or, when there are too many, the oldest.
std::vector<RecordChange> StreamingInserts::TakeExpired(int64_t now_ms) {
  std::vector<RecordChange> gone;
  absl::MutexLock lock(&mutex_);
  while (!batches_.empty() && gone.size() < kExpiredAtOnce) {
    const Batch& oldest = batches_.front();
    if (oldest.expires_ms > now_ms && known_.size() <= kMarksMax) break;
    for (const Mark& mark : oldest.marks) {
      auto found = known_.find(mark);
      if (found != known_.end() && --found->second == 0) known_.erase(found);
    }
    gone.push_back({kSpace, oldest.key, std::nullopt});
    batches_.pop_front();
  }
  return gone;
}

absl::Status StreamingInserts::Store(TableCommit commit, Batch batch) {
  const int64_t now = NowMs(clock_);
  commit.records = TakeExpired(now);
  if (batch.marks.empty()) return writer_.Commit(std::move(commit)).status();
  batch.expires_ms = now + kKeptMs;
  uint64_t number = 0;
  {
    absl::MutexLock lock(&mutex_);
    number = next_batch_++;
  }
  std::string digits = std::to_string(number);
  digits = std::string(20 - digits.size(), '0') + digits;
  // In the order of time, which is that of keys.
  batch.key = Concat(now, "-", digits);
  commit.records.push_back({kSpace, batch.key, BatchToBytes(batch.expires_ms, batch.marks)});
  AFLUENTE_RETURN_IF_ERROR(writer_.Commit(std::move(commit)).status());
  Remember(std::move(batch));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<InsertError>> StreamingInserts::Insert(const InsertRequest& request) {
  std::optional<TableSchema> table = catalog_.FindTable(request.table);
  if (!table) {
    return absl::NotFoundError(Concat("Not found: Table ", request.table.project, ":",
                                      request.table.dataset, ".", request.table.table));
  }
  if (!table->view_query.empty()) {
    return absl::InvalidArgumentError(
        Concat("Cannot add rows to a table of type VIEW: ", request.table.table));
  }
  TableCommit commit;
  if (!request.template_suffix.empty()) {
    table->name.table += request.template_suffix;
    table->function_fed = false;
    table->columns = DeclaredColumns(*table);
    table->created_ms = 0;
    if (!catalog_.FindTable(table->name)) {
      commit.definitions.push_back({*table, TableDefinition::Mode::kEnsure});
    }
  }
  event::ByNameDecoder decoder(DeclaredColumns(*table), request.ignore_unknown_values
                                                            ? event::UnknownFields::kIgnore
                                                            : event::UnknownFields::kReject);
  const std::vector<Mark> marks = MarksOf(request, table->name);
  Reserve(marks);
  const std::set<Mark> known = Known(marks);
  std::vector<InsertError> errors;
  std::set<Mark> seen;
  Batch batch;
  TableRows rows;
  rows.table = table->name;
  for (size_t i = 0; i < request.rows.size(); ++i) {
    const bool marked = marks[i] != Mark();
    if (marked && (known.contains(marks[i]) || !seen.insert(marks[i]).second)) continue;
    auto values = decoder.Decode(request.rows[i].json);
    if (!values.ok()) {
      errors.push_back(ErrorOfRow(i, std::string(values.status().message())));
      continue;
    }
    if (marked) batch.marks.push_back(marks[i]);
    rows.rows.push_back({"", 0, *std::move(values)});
  }
  absl::Status stored;
  const bool stop = !errors.empty() && !request.skip_invalid_rows;
  if (!stop && !rows.rows.empty()) {
    commit.tables.push_back(std::move(rows));
    stored = Store(std::move(commit), std::move(batch));
  }
  Release(marks);
  if (!stored.ok()) return stored;
  if (!stop) return errors;
  std::set<size_t> invalid;
  for (const InsertError& error : errors) invalid.insert(error.index);
  for (size_t i = 0; i < request.rows.size(); ++i) {
    if (!invalid.contains(i)) errors.push_back({i, "stopped", "", ""});
  }
  std::sort(errors.begin(), errors.end(),
            [](const InsertError& a, const InsertError& b) { return a.index < b.index; });
  return errors;
}

}  // namespace afluente::warehouse::jobs
