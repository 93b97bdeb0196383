#include "function/push/push_function.h"

#include <algorithm>
#include <utility>

#include "schema/text.h"
#include "telemetry/log.h"
#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::function::push {
namespace {

using schema::Concat;

size_t BytesOf(const event::Message& message) {
  size_t bytes = message.data.size() + message.ordering_key.size();
  for (const auto& [key, value] : message.attributes) bytes += key.size() + value.size();
  return bytes;
}

// What Pub/Sub counts; 1 where it does not.
int64_t AttemptOf(const PushedMessage& pushed) {
  return std::max<int64_t>(pushed.delivery_attempt, 1);
}

}  // namespace

struct PushFunction::Instruments {
  Instruments(telemetry::Metrics& metrics, const std::string& name) {
    const auto counter = [&](const char* outcome) -> telemetry::Counter* {
      return &metrics.GetCounter(telemetry::kFunctionMessages, telemetry::kFunctionMessagesHelp,
                                 {{"function", name}, {"outcome", outcome}});
    };
    stored = counter("stored");
    dropped = counter("dropped");
    self_stored = counter("self_stored");
    dead_lettered = counter("dead_lettered");
    retried = counter("retried");
  }
  telemetry::Counter* stored;
  telemetry::Counter* dropped;
  telemetry::Counter* self_stored;
  telemetry::Counter* dead_lettered;
  telemetry::Counter* retried;
};

PushFunction::PushFunction(PushSettings settings, std::unique_ptr<Transform> transform,
                           warehouse::Warehouse& warehouse, const host::Clock& clock,
                           telemetry::Metrics& metrics)
    : settings_(std::move(settings)),
      transform_(std::move(transform)),
      warehouse_(warehouse),
      clock_(clock),
      instruments_(std::make_unique<Instruments>(metrics, settings_.name)) {
  transform_->OnDecided([this] {
    absl::MutexLock lock(&mutex_);
    decided_ = true;
  });
}

PushFunction::~PushFunction() { Stop(std::chrono::milliseconds(0)); }

void PushFunction::Start() {
  worker_ = std::thread([this] { Run(); });
}

void PushFunction::Stop(std::chrono::milliseconds grace) {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    const auto answered = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return unanswered_.empty(); };
    if (worker_.joinable()) {
      mutex_.AwaitWithTimeout(absl::Condition(&answered), absl::FromChrono(grace));
    }
    stopped_ = true;
  }
  if (worker_.joinable()) worker_.join();
  std::unordered_map<const event::Message*, Unanswered> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(unanswered_);
    waiting_.clear();
  }
  for (auto& [message, each] : left) each.done(absl::UnavailableError("the function stops"));
}

void PushFunction::Accept(PushedMessage pushed, Done done) {
  if (!settings_.filter.Matches(pushed.message.attributes)) return done(absl::OkStatus());
  const int64_t attempt = AttemptOf(pushed);
  auto message = std::make_shared<const event::Message>(std::move(pushed.message));
  const size_t bytes = BytesOf(*message);
  absl::Status refusal;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) {
      refusal = absl::UnavailableError("the function stops");
    } else if (unanswered_.size() >= settings_.unanswered_max ||
               unanswered_bytes_ + bytes > settings_.unanswered_bytes_max) {
      refusal = absl::ResourceExhaustedError("too many messages wait for the warehouse");
    } else {
      unanswered_.emplace(message.get(), Unanswered{std::move(done), bytes});
      unanswered_bytes_ += bytes;
      waiting_.push_back({std::move(message), attempt});
      return;
    }
  }
  done(refusal);
}

bool PushFunction::HasWork() const {
  return stopped_ || decided_ || (!waiting_.empty() && transform_->capacity() > 0);
}

std::vector<Attempt> PushFunction::Take() {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return HasWork(); };
  mutex_.Await(absl::Condition(&ready));
  decided_ = false;
  if (stopped_) return {};
  const size_t most =
      std::min({waiting_.size(), settings_.batch_messages_max, transform_->capacity()});
  size_t count = 0;
  for (size_t bytes = 0; count < most; ++count) {
    bytes += BytesOf(*waiting_[count].message);
    if (count > 0 && bytes > settings_.batch_bytes_max) break;
  }
  const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<Attempt> taken(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return taken;
}

void PushFunction::Run() {
  while (true) {
    std::vector<Attempt> attempts = Take();
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;
    }
    Decisions decisions = transform_->Run(std::move(attempts));
    if (!decisions.empty()) Commit(std::move(decisions));
  }
}

bool PushFunction::IsLast(const Decision& decision) const {
  return decision.outcome.kind == Outcome::Kind::kFailed ||
         decision.attempt.number >= settings_.max_delivery_attempts;
}

void PushFunction::AddTo(warehouse::FunctionCommit& commit, const Decision& decision) const {
  const event::Message& message = *decision.attempt.message;
  const Outcome& outcome = decision.outcome;
  int64_t row = 0;
  for (const auto& values : outcome.rows) {
    commit.rows.push_back({message.message_id, row++, values});
  }
  if (!outcome.failed() || !IsLast(decision)) return;
  warehouse::DeadLetter letter;
  letter.message = message;
  letter.topic = settings_.topic;
  letter.error = outcome.error;
  letter.attempts = decision.attempt.number;
  letter.failed_at = clock_.Now();
  commit.dead_letters.push_back(std::move(letter));
}

absl::Status PushFunction::Append(const Decisions& decisions) {
  warehouse::FunctionCommit commit;
  commit.function = settings_.name;
  commit.table = settings_.table;
  commit.dead_letter_table = settings_.dead_letter_table;
  for (const Decision& decision : decisions) AddTo(commit, decision);
  if (commit.rows.empty() && commit.dead_letters.empty()) return absl::OkStatus();
  return warehouse_.Append(std::move(commit));
}

void PushFunction::Bury(const Decision& decision, const absl::Status& refusal) {
  Decision buried = decision;
  buried.outcome = Outcome::Failed(std::string(refusal.message()));
  Answer(buried, Append({buried}));
}

void PushFunction::Commit(Decisions decisions) {
  const absl::Status stored = Append(decisions);
  if (!absl::IsInvalidArgument(stored)) {
    for (const Decision& decision : decisions) Answer(decision, stored);
    return;
  }
  // Some row is refused for what it is: each message alone, so that its neighbours are stored.
  for (const Decision& decision : decisions) {
    const absl::Status alone = decisions.size() == 1 ? stored : Append({decision});
    if (absl::IsInvalidArgument(alone)) {
      Bury(decision, alone);
    } else {
      Answer(decision, alone);
    }
  }
}

void PushFunction::Answer(const Decision& decision, const absl::Status& stored) {
  const event::Message& message = *decision.attempt.message;
  const Outcome& outcome = decision.outcome;
  absl::Status status = stored;
  telemetry::Counter* counter = instruments_->retried;
  if (!stored.ok()) {
    telemetry::Log(telemetry::Severity::kError, "A message could not be stored",
                   {{"function", settings_.name},
                    {"message_id", message.message_id},
                    {"error", std::string(stored.message())}});
    status = absl::UnavailableError("not stored");
  } else if (outcome.failed() && !IsLast(decision)) {
    telemetry::Log(telemetry::Severity::kWarning, "An attempt failed",
                   {{"function", settings_.name},
                    {"message_id", message.message_id},
                    {"error", outcome.error}});
    status = absl::UnavailableError("the attempt failed");
  } else if (outcome.failed()) {
    counter = instruments_->dead_lettered;
  } else if (outcome.kind == Outcome::Kind::kRows) {
    counter = instruments_->stored;
  } else {
    counter =
        outcome.kind == Outcome::Kind::kDropped ? instruments_->dropped : instruments_->self_stored;
  }
  counter->Add();
  Reply(&message, status);
}

void PushFunction::Reply(const event::Message* message, const absl::Status& status) {
  Done done;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = unanswered_.find(message);
    if (found == unanswered_.end()) return;
    done = std::move(found->second.done);
    unanswered_bytes_ -= found->second.bytes;
    unanswered_.erase(found);
  }
  done(status);
}

}  // namespace afluente::function::push
