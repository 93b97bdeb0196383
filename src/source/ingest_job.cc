#include "source/ingest_job.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "broker/publisher.h"
#include "host/digest.h"
#include "http/problem.h"
#include "source/delivery_log.h"
#include "telemetry/json_string.h"

namespace afluente::source {
namespace {

constexpr size_t kBatchMessages = 1'000;
constexpr size_t kBatchBytes = 4 << 20;
// All in one publish, whose limits are Pub/Sub's.
constexpr size_t kAtomicBytes = 9'500'000;
constexpr size_t kErrorsShown = 100;
constexpr char kRetryAfterSeconds[] = "1";

bool IsRecordsOwnFault(const absl::Status& status) { return absl::IsInvalidArgument(status); }

// Whether the same body may succeed later.
bool MayPass(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsDeadlineExceeded(status) || absl::IsInternal(status) || absl::IsAborted(status) ||
         absl::IsDataLoss(status);
}

void AppendMember(std::string& json, const char* name, std::string_view text) {
  absl::StrAppend(&json, ",\"", name, "\":");
  telemetry::AppendJsonString(json, text);
}

}  // namespace

IngestJob::IngestJob(const Ports& ports, std::string topic_name, IngestRequest request,
                     std::string body, uint64_t unpacked_bytes_max, std::string stream,
                     http::Responder respond)
    : ports_(ports),
      topic_(std::move(topic_name)),
      request_(std::move(request)),
      body_(std::move(body)),
      stream_(std::move(stream)),
      respond_(std::move(respond)),
      records_(body_, request_.form, request_.coding, {.body_bytes_max = unpacked_bytes_max}) {}

IngestJob::~IngestJob() {
  if (claimed_ && !finished_) ports_.keys->Leave(stream_);
}

void IngestJob::Run() {
  if (!stream_.empty()) {
    const std::string fingerprint = absl::BytesToHexString(host::Sha256(body_));
    const auto claim = ports_.keys->Take(stream_, fingerprint);
    using State = IdempotencyKeys::State;
    if (claim.state == State::kAnswered) {
      http::Response again = http::Response::Json(claim.status, claim.body);
      again.headers.Add("Idempotency-Replayed", "true");
      return respond_(std::move(again));
    }
    if (claim.state == State::kRunning) {
      http::Response busy =
          http::Problem(409, "Conflict", "a request with this Idempotency-Key is under way");
      busy.headers.Add("Retry-After", kRetryAfterSeconds);
      return respond_(std::move(busy));
    }
    if (claim.state == State::kOtherBody) {
      return respond_(http::Problem(422, "Unprocessable Content",
                                    "this Idempotency-Key came with another body before"));
    }
    claimed_ = true;
    stored_ = claim.stored;
    const absl::Status covered = ports_.keys->log().Cover(topic_);
    if (!covered.ok()) return Finish(covered);
  }
  Step();
}

void IngestJob::Step() {
  if (todo_.empty() && !ReadBatch()) {
    const bool unread = !body_error_.ok();
    return Finish(unread ? body_error_ : absl::OkStatus());
  }
  Batch batch = std::move(todo_.front());
  todo_.pop_front();
  Publish(std::move(batch));
}

void IngestJob::Reject(uint64_t number, std::string_view why) {
  ++rejected_;
  if (errors_.size() < kErrorsShown) errors_.emplace_back(number, why);
}

bool IngestJob::ReadBatch() {
  Batch batch;
  size_t bytes = 0;
  const size_t bytes_max = request_.atomic ? kAtomicBytes : kBatchBytes;
  while (!body_ended_ && (request_.atomic || batch.size() < kBatchMessages) && bytes < bytes_max) {
    auto record = records_.Next();
    body_ended_ = !record.ok() || !record->has_value();
    if (!record.ok()) body_error_ = record.status();
    if (body_ended_) break;
    BodyRecord& one = **record;
    if (!one.error.empty()) {
      Reject(one.number, one.error);
      continue;
    }
    if (stored_.Has(one.number)) continue;
    bytes += one.data.size();
    batch.push_back({one.number, std::move(one.data)});
    if (request_.atomic && batch.size() > kBatchMessages) break;
  }
  if (request_.atomic) {
    const bool fits = batch.size() <= kBatchMessages && bytes < kAtomicBytes;
    if (!fits && body_error_.ok()) {
      body_error_ = absl::OutOfRangeError(absl::StrCat("atomic=true takes at most ", kBatchMessages,
                                                       " messages and ", kAtomicBytes, " bytes"));
    }
    if (!body_error_.ok() || rejected_ > 0) {
      body_ended_ = true;
      return false;
    }
  }
  if (batch.empty()) return false;
  todo_.push_back(std::move(batch));
  return true;
}

void IngestJob::Publish(Batch batch) {
  std::vector<event::Draft> drafts;
  drafts.reserve(batch.size());
  for (const Record& record : batch) {
    event::Draft draft;
    draft.data = record.data;
    draft.attributes = request_.attributes;
    draft.ordering_key = request_.ordering_key;
    if (!stream_.empty()) {
      const DeliveryMark mark{stream_, record.number, "", ""};
      draft.attributes.emplace_back(kDeliveryAttribute, mark.ToAttribute());
      std::sort(draft.attributes.begin(), draft.attributes.end());
    }
    drafts.push_back(std::move(draft));
  }
  if (!stream_.empty()) ticket_ = ports_.keys->log().Begin(topic_);
  ports_.publisher.Publish(topic_, std::move(drafts),
                           [self = shared_from_this(), batch = std::move(batch)](
                               absl::StatusOr<std::vector<std::string>> ids) mutable {
                             self->OnPublished(std::move(batch), std::move(ids));
                           });
}

// On the journal's thread: keeps what must be kept, and leaves it.
void IngestJob::OnPublished(Batch batch, absl::StatusOr<std::vector<std::string>> ids) {
  if (ids.ok()) {
    for (size_t i = 0; i < batch.size() && i < ids->size(); ++i) {
      if (!stream_.empty()) ports_.keys->Stored(stream_, batch[i].number, (*ids)[i]);
      stored_.Add(batch[i].number, std::move((*ids)[i]));
    }
    accepted_now_ += batch.size();
    next_number_ = std::max(next_number_, batch.back().number + 1);
  }
  if (ticket_ != 0) ports_.keys->log().End(std::exchange(ticket_, 0));
  if (ids.ok()) batch.clear();
  const bool taken = ports_.submit(
      [self = shared_from_this(), batch = std::move(batch), status = ids.status()]() mutable {
        if (status.ok()) return self->Step();
        self->Refused(std::move(batch), status);
      });
  if (!taken) Finish(absl::UnavailableError("too many requests wait"));
}

void IngestJob::Refused(Batch batch, const absl::Status& status) {
  if (!IsRecordsOwnFault(status)) return Finish(status);
  if (request_.atomic || batch.size() == 1) {
    Reject(batch.front().number, std::string(status.message()));
    if (request_.atomic) rejected_ = batch.size();
    if (request_.atomic) return Finish(absl::OkStatus());
    return Step();
  }
  const auto middle = batch.begin() + static_cast<ptrdiff_t>(batch.size() / 2);
  Batch second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
  batch.erase(middle, batch.end());
  todo_.push_front(std::move(second));
  todo_.push_front(std::move(batch));
  Step();
}

std::string IngestJob::AnswerText(const absl::Status& stopped) const {
  std::string json = absl::StrCat("{\"accepted\":", stored_.count, ",\"rejected\":", rejected_);
  if (stored_.count > 0) AppendMember(json, "first_id", stored_.first_id);
  if (stored_.count > 0) AppendMember(json, "last_id", stored_.last_id);
  if (!stopped.ok()) {
    AppendMember(json, "error", std::string(stopped.message()));
    absl::StrAppend(&json, ",\"next_line\":", next_number_);
  }
  json += ",\"errors\":[";
  for (size_t i = 0; i < errors_.size(); ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"line\":", errors_[i].first, ",\"error\":");
    telemetry::AppendJsonString(json, errors_[i].second);
    json += "}";
  }
  absl::StrAppend(&json, "]", errors_.size() < rejected_ ? ",\"errors_cut\":true" : "", "}");
  return json;
}

void IngestJob::Finish(absl::Status stopped) {
  finished_ = true;
  ports_.count(accepted_now_, rejected_);
  int status = stored_.count > 0 ? 202 : 400;
  if (stopped.ok() && stored_.count == 0 && rejected_ == 0) {
    stopped = absl::InvalidArgumentError("the body holds no message");
  }
  if (!stopped.ok()) {
    status = http::StatusToHttp(stopped.code());
    if (absl::IsOutOfRange(stopped)) status = 413;
    // The body's own size, not ours.
    if (absl::IsResourceExhausted(stopped) && !body_error_.ok()) status = 413;
  }
  http::Response response = http::Response::Json(status, AnswerText(stopped));
  const bool final = stopped.ok() && status == 202;
  if (!stopped.ok() && status != 413 && MayPass(stopped)) {
    response.headers.Add("Retry-After", kRetryAfterSeconds);
  }
  if (!claimed_) return respond_(std::move(response));
  if (!final) {
    ports_.keys->Leave(stream_);
    return respond_(std::move(response));
  }
  std::string body = response.body;
  ports_.keys->Answer(
      stream_, status, std::move(body),
      [self = shared_from_this(), response = std::move(response)](absl::Status written) mutable {
        if (written.ok()) return self->respond_(std::move(response));
        http::Response problem = http::Problem(
            503, "Service Unavailable",
            "the messages are stored, but not their key; send the same request again");
        problem.headers.Add("Retry-After", kRetryAfterSeconds);
        self->respond_(std::move(problem));
      });
}

}  // namespace afluente::source
