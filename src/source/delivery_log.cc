#include "source/delivery_log.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "broker/topics.h"
#include "event/message.h"
#include "host/check.h"
#include "telemetry/log.h"

namespace afluente::source {
namespace {

constexpr size_t kHeadBytes = 8;  // of a frame: length, CRC-32
constexpr uint32_t kFrameBytesMax = 256 << 20;
constexpr char kPosition = 'P';
constexpr char kNote = 'N';
constexpr size_t kScanMessages = 1'000;
constexpr size_t kScanBytes = 8 << 20;
constexpr std::chrono::seconds kTick{1};

void AppendU32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
}

uint32_t ReadU32(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string Frame(std::string_view payload) {
  std::string frame;
  AppendU32(frame, static_cast<uint32_t>(payload.size()));
  AppendU32(frame, Checksum(payload));
  frame += payload;
  return frame;
}

std::string EntryOf(char kind, std::string_view body) {
  std::string entry(1, kind);
  AppendU32(entry, static_cast<uint32_t>(body.size()));
  entry += body;
  return entry;
}

std::string PositionText(const std::string& topic, const broker::TopicPosition& position) {
  return absl::StrCat(topic, "\n", position.journal, "\n", position.incarnation, "\n",
                      position.sequence);
}

bool ParsePosition(std::string_view text, std::string& topic, broker::TopicPosition& position) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  if (parts.size() != 4) return false;
  topic = parts[0];
  position.journal = parts[1];
  return absl::SimpleAtoi(parts[2], &position.incarnation) &&
         absl::SimpleAtoi(parts[3], &position.sequence);
}

}  // namespace

std::string DeliveryMark::ToAttribute() const {
  return absl::StrCat(stream, "/", item, "/", detail);
}

std::optional<DeliveryMark> DeliveryMark::Parse(std::string_view attribute) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(attribute.data(), attribute.size()), '/');
  DeliveryMark mark;
  if (parts.size() != 3 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &mark.item)) {
    return std::nullopt;
  }
  mark.stream = parts[0];
  mark.detail = parts[2];
  return mark;
}

absl::StatusOr<std::unique_ptr<DeliveryLog>> DeliveryLog::Open(const Parts& parts, std::string path,
                                                               Limits limits,
                                                               Recovered& recovered) {
  std::unique_ptr<DeliveryLog> log(new DeliveryLog(parts, std::move(path), limits));
  AFLUENTE_RETURN_IF_ERROR(log->Recover(recovered));
  return log;
}

DeliveryLog::~DeliveryLog() { Stop(); }

absl::Status DeliveryLog::Recover(Recovered& recovered) {
  std::vector<std::pair<std::string, broker::TopicPosition>> positions;
  auto file = parts_.files.Open(path_, host::FileSystem::Mode::kReadWrite);
  if (file.ok()) {
    file_ = *std::move(file);
    AFLUENTE_RETURN_IF_ERROR(ReadFile(recovered, positions));
  } else if (!absl::IsNotFound(file.status())) {
    return file.status();
  }
  for (const auto& [topic, position] : positions) {
    AFLUENTE_RETURN_IF_ERROR(Scan(topic, position, recovered));
  }
  return absl::OkStatus();
}

absl::Status DeliveryLog::ReadFile(
    Recovered& recovered, std::vector<std::pair<std::string, broker::TopicPosition>>& positions) {
  AFLUENTE_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  std::map<std::string, broker::TopicPosition> latest;
  uint64_t offset = 0;
  while (offset + kHeadBytes <= size) {
    AFLUENTE_ASSIGN_OR_RETURN(const std::string head, file_->ReadAt(offset, kHeadBytes));
    const uint32_t length = ReadU32(head);
    const uint64_t end = offset + kHeadBytes + length;
    if (length == 0 || length > kFrameBytesMax || end > size) break;
    AFLUENTE_ASSIGN_OR_RETURN(const std::string payload,
                              file_->ReadAt(offset + kHeadBytes, length));
    if (Checksum(payload) != ReadU32(std::string_view(head).substr(4))) {
      // The last frame may be torn; one with others behind it was whole once.
      if (end == size) break;
      return absl::DataLossError(absl::StrCat(path_, ": damaged at byte ", offset));
    }
    std::string_view rest = payload;
    while (rest.size() >= 5) {
      const char kind = rest[0];
      const uint32_t bytes = ReadU32(rest.substr(1));
      if (bytes > rest.size() - 5) break;
      const std::string_view body = rest.substr(5, bytes);
      rest.remove_prefix(5 + bytes);
      std::string topic;
      broker::TopicPosition position;
      if (kind == kNote) recovered.notes.emplace_back(body);
      if (kind == kPosition && ParsePosition(body, topic, position)) latest[topic] = position;
    }
    if (!rest.empty())
      return absl::DataLossError(absl::StrCat(path_, ": damaged at byte ", offset));
    offset = end;
  }
  size_ = offset;
  positions.assign(latest.begin(), latest.end());
  return absl::OkStatus();
}

absl::Status DeliveryLog::Scan(const std::string& topic, const broker::TopicPosition& from,
                               Recovered& recovered) {
  if (parts_.topics == nullptr) return absl::OkStatus();
  auto opened = parts_.topics->OpenReader(topic, from);
  if (!opened.ok()) {
    // The topic is gone, or another one has its name: its deliveries went with it.
    telemetry::Log(telemetry::Severity::kWarning, "deliveries to a topic cannot be looked up",
                   {{"topic", topic}, {"reason", std::string(opened.status().message())}});
    return absl::OkStatus();
  }
  std::shared_ptr<broker::TopicReader> reader = *std::move(opened);
  uint64_t after = from.sequence;
  while (true) {
    AFLUENTE_ASSIGN_OR_RETURN(const broker::TopicReader::Batch batch,
                              reader->Read(after, kScanMessages, kScanBytes));
    if (batch.empty()) break;
    after = batch.back()->sequence;
    for (const auto& message : batch) {
      const std::string* attribute = event::FindAttribute(message->attributes, kDeliveryAttribute);
      auto mark = attribute == nullptr ? std::nullopt : DeliveryMark::Parse(*attribute);
      if (!mark) continue;
      mark->message_id = message->message_id;
      recovered.marks.push_back(*std::move(mark));
    }
  }
  absl::MutexLock lock(&mutex_);
  covered_[topic] = {std::move(reader), from.sequence, true};
  return absl::OkStatus();
}

void DeliveryLog::Start(Snapshot snapshot) {
  snapshot_ = std::move(snapshot);
  thread_ = std::thread([this] { Run(); });
}

void DeliveryLog::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status DeliveryLog::Cover(const std::string& topic) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = covered_.find(topic);
    const bool known = found != covered_.end() && !found->second.reader->topic_deleted();
    if (known && found->second.durable) return absl::OkStatus();
  }
  if (parts_.topics == nullptr) return absl::OkStatus();
  AFLUENTE_ASSIGN_OR_RETURN(auto opened, parts_.topics->OpenReader(topic, std::nullopt));
  std::shared_ptr<broker::TopicReader> reader = std::move(opened);
  const uint64_t last = reader->last_sequence();
  reader->Pin(last);
  {
    // Before its note, which a checkpoint would drop otherwise.
    absl::MutexLock lock(&mutex_);
    covered_[topic] = {reader, last, false};
  }
  absl::Notification written;
  absl::Status status;
  Enqueue(kPosition, PositionText(topic, reader->position_at(last)), [&](absl::Status result) {
    status = std::move(result);
    written.Notify();
  });
  written.WaitForNotification();
  AFLUENTE_RETURN_IF_ERROR(status);
  absl::MutexLock lock(&mutex_);
  covered_[topic].durable = true;
  return absl::OkStatus();
}

uint64_t DeliveryLog::Begin(const std::string& topic) {
  absl::MutexLock lock(&mutex_);
  const auto found = covered_.find(topic);
  const uint64_t before = found == covered_.end() ? 0 : found->second.reader->last_sequence();
  begun_.emplace(next_ticket_, std::make_pair(topic, before));
  return next_ticket_++;
}

void DeliveryLog::End(uint64_t ticket) {
  absl::MutexLock lock(&mutex_);
  begun_.erase(ticket);
}

void DeliveryLog::Append(std::string note, Done done) { Enqueue(kNote, note, std::move(done)); }

void DeliveryLog::Enqueue(char kind, std::string_view body, Done done) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ && queue_.size() < limits_.waiting_max) {
      queue_.push_back({EntryOf(kind, body), std::move(done)});
      return;
    }
  }
  done(absl::ResourceExhaustedError("too many deliveries wait for the disk"));
}

void DeliveryLog::Run() {
  // The first write starts a new file: what a torn end left behind is not written after.
  if (auto status = Checkpoint(); !status.ok()) broken_ = status;
  while (true) {
    std::vector<Entry> entries;
    bool last = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !queue_.empty();
      };
      mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::FromChrono(kTick));
      entries.swap(queue_);
      last = stopping_;
    }
    if (!entries.empty()) Write(std::move(entries));
    if (last) return;
    if (!CheckpointDue()) continue;
    if (auto status = Checkpoint(); !status.ok()) {
      telemetry::Log(telemetry::Severity::kWarning, "deliveries: no checkpoint",
                     {{"file", path_}, {"error", std::string(status.message())}});
    }
  }
}

void DeliveryLog::Write(std::vector<Entry> entries) {
  if (broken_.ok()) {
    std::string payload;
    for (const Entry& entry : entries) payload += entry.payload;
    const std::string frame = Frame(payload);
    absl::Status status = file_->WriteAt(size_, frame);
    if (status.ok()) status = file_->Sync();
    if (status.ok()) size_ += frame.size();
    // What a file holds after a failed sync is unknown; a checkpoint into a new one ends that.
    if (!status.ok()) broken_ = status;
  }
  for (Entry& entry : entries) entry.done(broken_);
  if (broken_.ok()) return;
  telemetry::Log(telemetry::Severity::kError, "deliveries cannot be written",
                 {{"file", path_}, {"error", std::string(broken_.message())}});
}

bool DeliveryLog::CheckpointDue() {
  const auto now = parts_.clock.Monotonic();
  const bool rested = now - checkpoint_time_ >= limits_.time_between;
  if (!broken_.ok()) return rested;
  if (size_ - size_at_checkpoint_ > limits_.bytes_between) return true;
  absl::MutexLock lock(&mutex_);
  uint64_t ahead = 0;
  for (const auto& [topic, covered] : covered_) {
    ahead += SafePosition(topic, covered) - covered.position;
  }
  return ahead > limits_.messages_between || (ahead > 0 && rested);
}

uint64_t DeliveryLog::SafePosition(const std::string& topic, const Covered& covered) const {
  uint64_t safe = covered.reader->last_sequence();
  for (const auto& [ticket, begun] : begun_) {
    if (begun.first == topic) safe = std::min(safe, begun.second);
  }
  return std::max(safe, covered.position);
}

absl::Status DeliveryLog::Checkpoint() {
  checkpoint_time_ = parts_.clock.Monotonic();
  std::map<std::string, Covered> covered;
  {
    absl::MutexLock lock(&mutex_);
    for (auto i = covered_.begin(); i != covered_.end();) {
      const bool gone = i->second.reader->topic_deleted();
      if (!gone) {
        covered[i->first] = {i->second.reader, SafePosition(i->first, i->second), true};
      }
      i = gone ? covered_.erase(i) : std::next(i);
    }
  }
  std::string payload;
  for (const auto& [topic, at] : covered) {
    payload += EntryOf(kPosition, PositionText(topic, at.reader->position_at(at.position)));
  }
  for (const std::string& note : snapshot_()) payload += EntryOf(kNote, note);
  if (payload.size() > kFrameBytesMax) return absl::ResourceExhaustedError("too much to remember");
  const std::string part = path_ + ".part";
  (void)parts_.files.Remove(part);
  AFLUENTE_ASSIGN_OR_RETURN(auto file, parts_.files.Open(part, host::FileSystem::Mode::kCreateNew));
  const std::string frame = payload.empty() ? "" : Frame(payload);
  AFLUENTE_RETURN_IF_ERROR(file->WriteAt(0, frame));
  AFLUENTE_RETURN_IF_ERROR(file->Sync());
  AFLUENTE_RETURN_IF_ERROR(parts_.files.Rename(part, path_));
  file_ = std::move(file);
  size_ = size_at_checkpoint_ = frame.size();
  const size_t slash = path_.rfind('/');
  broken_ = parts_.files.SyncDirectory(slash == std::string::npos ? "." : path_.substr(0, slash));
  AFLUENTE_RETURN_IF_ERROR(broken_);
  absl::MutexLock lock(&mutex_);
  for (const auto& [topic, at] : covered) {
    const auto found = covered_.find(topic);
    if (found == covered_.end() || found->second.reader != at.reader) continue;
    found->second.position = at.position;
    found->second.reader->Pin(at.position);
  }
  return absl::OkStatus();
}

}  // namespace afluente::source
