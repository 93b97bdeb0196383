#include "warehouse/wire/uploads.h"

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"

namespace afluente::warehouse::wire {
namespace {

using schema::Concat;

constexpr size_t kSessionsMax = 64;
constexpr uint64_t kFileBytesMax = 16ull << 30;
constexpr std::chrono::minutes kIdleMax{30};

}  // namespace

absl::StatusOr<std::pair<std::string, std::unique_ptr<host::File>>> Uploads::NewFile() {
  std::string name = Concat("upload-", host::RandomHex(8));
  AFLUENTE_ASSIGN_OR_RETURN(
      std::unique_ptr<host::File> file,
      files_.Open(Concat(staging_directory_, "/", name), host::FileSystem::Mode::kCreateSecret));
  return std::pair(std::move(name), std::move(file));
}

void Uploads::DropIdle() {
  const auto before = clock_.Monotonic() - kIdleMax;
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (session->second.busy || session->second.last_use > before) {
      ++session;
      continue;
    }
    files_.Remove(Concat(staging_directory_, "/", session->second.file)).IgnoreError();
    session = sessions_.erase(session);
  }
}

absl::StatusOr<std::string> Uploads::Begin(std::string project, json resource) {
  AFLUENTE_ASSIGN_OR_RETURN(auto made, NewFile());
  absl::MutexLock lock(&mutex_);
  DropIdle();
  if (sessions_.size() >= kSessionsMax) {
    files_.Remove(Concat(staging_directory_, "/", made.first)).IgnoreError();
    return absl::ResourceExhaustedError(
        Concat("too many uploads are under way (", kSessionsMax, ")"));
  }
  std::string id = host::RandomHex(16);
  Session& session = sessions_[id];
  session.project = std::move(project);
  session.resource = std::move(resource);
  session.file = std::move(made.first);
  session.open = std::move(made.second);
  session.last_use = clock_.Monotonic();
  return id;
}

absl::StatusOr<Uploads::Progress> Uploads::Add(const std::string& id, uint64_t start,
                                               std::string_view bytes,
                                               std::optional<uint64_t> total) {
  host::File* file = nullptr;
  uint64_t received = 0;
  {
    absl::MutexLock lock(&mutex_);
    auto found = sessions_.find(id);
    if (found == sessions_.end()) return absl::NotFoundError("no such upload");
    Session& session = found->second;
    if (session.busy) return absl::UnavailableError("another part of this upload is coming in");
    session.busy = true;
    file = session.open.get();
    received = session.received;
  }
  absl::Status status;
  if (start > received) {
    status = absl::InvalidArgumentError(Concat("bytes ", received, " to ", start, " are missing"));
  } else if (start + bytes.size() > kFileBytesMax || total.value_or(0) > kFileBytesMax) {
    status = WithReason(absl::ResourceExhaustedError("the upload is too large"), "uploadTooLarge");
  } else if (start + bytes.size() > received) {
    status = file->WriteAt(received, bytes.substr(received - start));
    if (status.ok()) received = start + bytes.size();
  }
  absl::MutexLock lock(&mutex_);
  auto found = sessions_.find(id);
  Session& session = found->second;
  session.busy = false;
  session.last_use = clock_.Monotonic();
  AFLUENTE_RETURN_IF_ERROR(status);
  session.received = received;
  Progress progress;
  progress.received = received;
  progress.complete = total && received == *total;
  if (!progress.complete) return progress;
  progress.file = std::move(session.file);
  progress.project = std::move(session.project);
  progress.resource = std::move(session.resource);
  sessions_.erase(found);
  return progress;
}

absl::StatusOr<std::string> Uploads::Store(std::string_view bytes) {
  AFLUENTE_ASSIGN_OR_RETURN(auto made, NewFile());
  AFLUENTE_RETURN_IF_ERROR(made.second->WriteAt(0, bytes));
  return std::move(made.first);
}

}  // namespace afluente::warehouse::wire
