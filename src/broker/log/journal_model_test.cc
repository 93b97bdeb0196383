#include "broker/log/journal_model.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "host/check.h"

namespace afluente::broker::log {
namespace {

constexpr char kDirectory[] = "/journal";

absl::StatusOr<std::vector<uint32_t>> IdsOf(const RecordingRecovery& recovered) {
  std::vector<uint32_t> ids;
  const auto add = [&ids](const std::string& text) {
    uint32_t id = 0;
    if (!absl::SimpleAtoi(text, &id)) return false;
    ids.push_back(id);
    return true;
  };
  const std::vector<std::string> kept = absl::StrSplit(recovered.snapshot, ' ', absl::SkipEmpty());
  for (const std::string& text : kept) {
    if (!add(text)) return absl::InternalError("a snapshot is not what was written");
  }
  for (const std::string& payload : recovered.records) {
    if (!add(payload.substr(0, payload.find(' '))) || payload != PayloadOf(ids.back()))
      return absl::InternalError("a record is not what was appended");
  }
  return ids;
}

}  // namespace

JournalOptions SmallOptions() {
  JournalOptions options;
  options.segment_bytes = 8 << 10;
  options.record_bytes_max = 6 << 10;
  options.group_bytes_max = 2 << 10;
  options.queue_bytes_max = 1 << 20;
  options.reserve_bytes = 16 << 10;
  options.idle = std::chrono::hours(1);
  return options;
}

std::string PayloadOf(uint32_t id) {
  std::string payload = absl::StrCat(id, " ");
  uint32_t noise = id * 2654435761u + 1;
  const uint32_t size = id % 17 == 0 ? 3000 + noise % 2000 : noise % 700;
  for (uint32_t i = 0; i < size; ++i) {
    noise = noise * 1664525u + 1013904223u;
    payload.push_back(static_cast<char>(noise >> 24));
  }
  return payload;
}

absl::Status RecordingRecovery::OnSnapshot(std::string_view state) {
  if (!records.empty()) return absl::InternalError("a snapshot after records");
  snapshot = state;
  return absl::OkStatus();
}

absl::Status RecordingRecovery::OnRecord(const Place& place, std::string_view payload) {
  if (!places.empty() && place <= places.back()) return absl::InternalError("out of order");
  places.push_back(place);
  records.emplace_back(payload);
  return absl::OkStatus();
}

absl::Status JournalModel::Open() {
  journal_.reset();
  RecordingRecovery recovered;
  AFLUENTE_ASSIGN_OR_RETURN(std::unique_ptr<Journal> journal,
                            Journal::Open(files_, kDirectory, options_, recovered));
  AFLUENTE_RETURN_IF_ERROR(Compare(recovered));
  journal_ = std::move(journal);
  return absl::OkStatus();
}

absl::Status JournalModel::Compare(const RecordingRecovery& recovered) {
  AFLUENTE_ASSIGN_OR_RETURN(const std::vector<uint32_t> ids, IdsOf(recovered));
  absl::MutexLock lock(&mutex_);
  size_t at = 0;
  std::vector<Record> kept;
  for (size_t i = 0; i < records_.size(); ++i) {
    const bool there = at < ids.size() && ids[at] == records_[i].id;
    if (!there && records_[i].fate == Fate::kAnswered)
      return absl::InternalError(absl::StrCat("answered record ", records_[i].id, " is lost"));
    if (!there) continue;
    if (records_[i].fate == Fate::kFailed) {
      for (size_t later = i + 1; later < records_.size(); ++later) {
        if (records_[later].fate == Fate::kAnswered)
          return absl::InternalError(absl::StrCat("failed record ", records_[i].id, " came back"));
      }
    }
    kept.push_back({records_[i].id, Fate::kAnswered, records_[i].place});
    const size_t covered = ids.size() - recovered.records.size();
    if (at >= covered) kept.back().place = recovered.places[at - covered];
    ++at;
  }
  if (at != ids.size())
    return absl::InternalError(absl::StrCat("record ", ids[at], " is misplaced"));
  // What a recovery has shown, stays.
  records_ = std::move(kept);
  return absl::OkStatus();
}

void JournalModel::Answered(size_t index, const absl::StatusOr<Place>& place) {
  absl::MutexLock lock(&mutex_);
  --waiting_;
  records_[index].fate = place.ok() ? Fate::kAnswered : Fate::kFailed;
  if (place.ok()) records_[index].place = *place;
}

absl::Status JournalModel::Append(int count) {
  absl::Status first;
  // On this thread every other time.
  if (++appends_ % 2 == 0) {
    AppendAll(count, first);
  } else {
    journal_->Lend([&] { AppendAll(count, first); });
  }
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(+[](size_t* waiting) { return *waiting == 0; }, &waiting_));
  return first;
}

void JournalModel::AppendAll(int count, absl::Status& first) {
  for (int i = 0; i < count; ++i) {
    const uint32_t id = next_id_++;
    size_t index = 0;
    {
      absl::MutexLock lock(&mutex_);
      index = records_.size();
      records_.push_back({id, Fate::kWaiting, {}});
      ++waiting_;
    }
    journal_->Append(PayloadOf(id), [this, index, &first](absl::StatusOr<Place> place) {
      if (!place.ok() && first.ok()) first = place.status();
      Answered(index, place);
    });
  }
}

absl::Status JournalModel::Snapshot() {
  std::string state;
  Place covered;
  {
    absl::MutexLock lock(&mutex_);
    for (const Record& record : records_) {
      if (record.fate != Fate::kAnswered) continue;
      absl::StrAppend(&state, record.id, " ");
      covered = record.place;
    }
  }
  if (state.empty()) return absl::OkStatus();
  return journal_->WriteSnapshot(covered, state);
}

absl::Status JournalModel::Release() { return journal_->ReleaseBefore(last_place().segment); }

absl::Status JournalModel::ReadAll() {
  std::vector<Record> records;
  {
    absl::MutexLock lock(&mutex_);
    records = records_;
  }
  for (const Record& record : records) {
    if (record.fate != Fate::kAnswered) continue;
    const absl::StatusOr<std::string> payload = journal_->Read(record.place);
    if (absl::IsNotFound(payload.status())) continue;  // released
    if (!payload.ok()) return payload.status();
    if (*payload != PayloadOf(record.id)) return absl::InternalError("Read gives another record");
  }
  return ReadBlocks(records);
}

absl::Status JournalModel::ReadBlocks(const std::vector<Record>& records) {
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].fate != Fate::kAnswered) continue;
    const Place& first = records[i].place;
    const Place& last = records[std::min(i + i % 9, records.size() - 1)].place;
    if (last.segment != first.segment || last < first) continue;
    std::map<Place, std::string> read;
    const absl::Status status =
        journal_->ReadBlock({first.segment, first.offset, last.offset + last.size - first.offset},
                            [&](const Place& place, std::string_view payload) {
                              read.emplace(place, payload);
                              return absl::OkStatus();
                            });
    if (absl::IsNotFound(status)) continue;  // released
    if (!status.ok()) return status;
    for (const Record& record : records) {
      if (record.fate != Fate::kAnswered || record.place < first || record.place > last) continue;
      if (read[record.place] != PayloadOf(record.id))
        return absl::InternalError("ReadBlock gives another record");
    }
  }
  return absl::OkStatus();
}

size_t JournalModel::answered() const {
  absl::MutexLock lock(&mutex_);
  size_t count = 0;
  for (const Record& record : records_) count += record.fate == Fate::kAnswered ? 1 : 0;
  return count;
}

Place JournalModel::last_place() const {
  absl::MutexLock lock(&mutex_);
  for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
    if (record->fate == Fate::kAnswered) return record->place;
  }
  return {};
}

}  // namespace afluente::broker::log
