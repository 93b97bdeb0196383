#include "warehouse/bigquery/storage_channel.h"

#include <algorithm>
#include <thread>

#include "host/check.h"
#include "host/random.h"
#include "schema/text.h"

namespace afluente::warehouse::bigquery {
namespace {

using schema::Concat;
using std::chrono::milliseconds;
namespace storage = google::cloud::bigquery::storage::v1;

bool MayTryAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsInternal(status) || absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

std::unique_ptr<StorageChannel> DialStorage(const StorageOptions& options) {
  const std::shared_ptr<grpc::ChannelCredentials> credentials =
      options.plaintext ? grpc::InsecureChannelCredentials()
                        : grpc::SslCredentials(grpc::SslCredentialsOptions());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(16 << 20);
  auto dialled = std::make_unique<StorageChannel>();
  dialled->channel = grpc::CreateCustomChannel(options.endpoint, credentials, arguments);
  dialled->stub = storage::BigQueryWrite::NewStub(dialled->channel);
  return dialled;
}

absl::Status PrepareStorageCall(const AccessToken& token, milliseconds timeout,
                                const std::string& resource, grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  AFLUENTE_ASSIGN_OR_RETURN(const std::string bearer, token());
  if (!bearer.empty()) context.AddMetadata("authorization", Concat("Bearer ", bearer));
  context.AddMetadata("x-goog-request-params", resource);
  return absl::OkStatus();
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

absl::Status StatusOf(const storage::AppendRowsResponse& response) {
  if (response.row_errors_size() > 0) {
    const storage::RowError& first = response.row_errors(0);
    return absl::InvalidArgumentError(Concat("row ", first.index(), ": ", first.message()));
  }
  if (!response.has_error()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(response.error().code()),
                      response.error().message());
}

absl::Status TryUntil(const host::Clock& clock, const StorageOptions& options,
                      host::MonotonicTime deadline,
                      absl::FunctionRef<absl::Status(milliseconds timeout)> attempt) {
  milliseconds pause = options.pause_first;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock.Monotonic());
    if (left <= milliseconds(0)) return absl::DeadlineExceededError("no time left to write rows");
    const absl::Status status = attempt(std::min(left, options.attempt_timeout));
    if (status.ok() || !MayTryAgain(status)) return status;
    const milliseconds wait(host::RandomUint64() % static_cast<uint64_t>(pause.count()) + 1);
    if (clock.Monotonic() + wait >= deadline) return status;
    std::this_thread::sleep_for(wait);
    pause = std::min(pause * 2, options.pause_max);
  }
}

}  // namespace afluente::warehouse::bigquery
