#include "cli/migrate_command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "broker/broker.h"
#include "broker/gcp/google_publisher.h"
#include "broker/remote_topic.h"
#include "cli/admin_client.h"
#include "cli/environment_option.h"
#include "cli/migration_record.h"
#include "cli/progress.h"
#include "cli/role_commands.h"
#include "host/check.h"
#include "host/clock.h"
#include "http/connection_pool.h"
#include "http/server.h"
#include "roles/google_access.h"
#include "roles/google_pubsub.h"
#include "roles/pipeline.h"
#include "source/forwarder.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"
#include "warehouse/bigquery/table_load.h"
#include "warehouse/duckdb/duckdb_database.h"
#include "warehouse/duckdb/vector_reader.h"
#include "warehouse/warehouse.h"

namespace afluente::cli {
namespace {

using Row = std::vector<schema::Value>;
using warehouse::bigquery::TableLoad;

constexpr size_t kRowsAtOnce = 2'000;
constexpr size_t kBytesAtOnce = 4 << 20;
constexpr size_t kMessagesAtOnce = 500;

size_t BytesOf(const schema::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return text->size() + 4;
  size_t bytes = 9;
  if (const auto* list = std::get_if<schema::Value::List>(&value.data)) {
    for (const schema::Value& each : *list) bytes += BytesOf(each);
  }
  return bytes;
}

// A result's rows, a run of them at a time; the same runs each time.
class RowRuns {
 public:
  explicit RowRuns(std::unique_ptr<warehouse::ResultStream> stream) : stream_(std::move(stream)) {}
  const std::vector<schema::Column>& columns() const { return stream_->columns(); }

  // Empty at the end.
  absl::StatusOr<std::vector<Row>> Next() {
    std::vector<Row> rows;
    for (size_t bytes = 0; rows.size() < kRowsAtOnce && bytes < kBytesAtOnce;) {
      if (at_ == batch_.rows) {
        AFLUENTE_ASSIGN_OR_RETURN(batch_, stream_->Next());
        at_ = 0;
        if (batch_.rows == 0) break;
      }
      Row row;
      for (const warehouse::ColumnVector& column : batch_.columns) {
        row.push_back(warehouse::duckdb::ValueAt(column, at_));
        bytes += BytesOf(row.back());
      }
      rows.push_back(std::move(row));
      ++at_;
    }
    return rows;
  }

 private:
  const std::unique_ptr<warehouse::ResultStream> stream_;
  warehouse::ColumnBatch batch_;
  size_t at_ = 0;
};

class Migration {
 public:
  explicit Migration(const MigrateOptions& options)
      : options_(options), record_file_(options.data_dir + "/migration.json") {}

  absl::Status Run() {
    AFLUENTE_RETURN_IF_ERROR(Open());
    for (const spec::Dataset& dataset : spec_.datasets) {
      for (const spec::Table& table : dataset.tables) {
        AFLUENTE_RETURN_IF_ERROR(MoveTable({spec_.project, dataset.name, table.name}));
      }
      AFLUENTE_RETURN_IF_ERROR(MoveTable({spec_.project, dataset.name, "dead_letters"}));
    }
    if (!options_.messages) return absl::OkStatus();
    for (const spec::Topic& topic : spec_.topics) AFLUENTE_RETURN_IF_ERROR(MoveMessages(topic));
    return absl::OkStatus();
  }

 private:
  absl::Status Open() {
    // Opening would create it.
    if (!std::filesystem::exists(options_.data_dir)) {
      return absl::NotFoundError(absl::StrCat("no data directory ", options_.data_dir));
    }
    AFLUENTE_ASSIGN_OR_RETURN(spec_, spec::Load(options_.spec_file));
    AFLUENTE_ASSIGN_OR_RETURN(record_, MigrationRecord::Load(record_file_));
    AFLUENTE_ASSIGN_OR_RETURN(pipeline_,
                              roles::Pipeline::Open(spec_, options_.data_dir, clock_, metrics_));
    if (const uint64_t pending = pipeline_->Backlog(); pending > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(pending, " messages are not decided yet: run `afluente up` and `afluente ",
                       "drain` first"));
    }
    const bool emulator = absl::StartsWith(options_.google.bigquery, "http://");
    AFLUENTE_ASSIGN_OR_RETURN(access_, roles::GoogleAccess::Find(emulator, *connections_, clock_));
    storage_.endpoint = options_.google.bigquery_storage;
    storage_.plaintext = emulator;
    return absl::OkStatus();
  }

  absl::Status MoveTable(const warehouse::TableName& name) {
    if (!pipeline_->database().catalog().FindTable(name)) return absl::OkStatus();
    const std::string label = absl::StrCat(name.dataset, ".", name.table);
    MigrationRecord::Table& moved = record_.tables[label];
    if (moved.done) return absl::OkStatus();
    warehouse::Statement statement;
    statement.text = absl::StrCat("SELECT * FROM `", name.project, ".", label, "`");
    statement.default_project = name.project;
    AFLUENTE_ASSIGN_OR_RETURN(auto stream,
                              pipeline_->database().warehouse().Query(statement, {}, {}));
    RowRuns runs(std::move(stream));
    AFLUENTE_ASSIGN_OR_RETURN(auto load, OpenLoad(name, runs.columns(), moved));
    Progress progress(label, 0);
    uint64_t rows = 0;
    if (!load->committed()) {
      AFLUENTE_RETURN_IF_ERROR(Append(runs, *load, moved, rows, progress));
      AFLUENTE_RETURN_IF_ERROR(load->Commit());
    }
    moved.done = true;
    progress.Finish(moved.rows, "rows");
    return record_.Save(record_file_);
  }

  absl::Status Append(RowRuns& runs, TableLoad& load, MigrationRecord::Table& moved, uint64_t& rows,
                      Progress& progress) {
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(const std::vector<Row> run, runs.Next());
      if (run.empty()) return absl::OkStatus();
      if (rows >= moved.rows) {
        AFLUENTE_RETURN_IF_ERROR(load.Append(rows, run));
        moved.rows = rows + run.size();
        AFLUENTE_RETURN_IF_ERROR(record_.Save(record_file_));
      }
      rows += run.size();
      progress.Update(0, rows, "rows");
    }
  }

  absl::StatusOr<std::unique_ptr<TableLoad>> OpenLoad(const warehouse::TableName& name,
                                                      const std::vector<schema::Column>& columns,
                                                      MigrationRecord::Table& moved) {
    const TableLoad::Parts parts{access_->token(), clock_, storage_};
    if (!moved.stream.empty()) {
      auto load = TableLoad::Resume(parts, name, columns, moved.stream);
      // A stream that is gone took its rows along: none was committed.
      if (load.ok() || !absl::IsNotFound(load.status())) return load;
    }
    AFLUENTE_ASSIGN_OR_RETURN(auto load, TableLoad::Begin(parts, name, columns));
    moved = {load->stream(), 0, false};
    AFLUENTE_RETURN_IF_ERROR(record_.Save(record_file_));
    return load;
  }

  absl::Status MoveMessages(const spec::Topic& topic) {
    const std::string name = absl::StrCat("projects/", spec_.project, "/topics/", topic.name);
    AFLUENTE_ASSIGN_OR_RETURN(auto reader, pipeline_->broker().OpenReader(name, std::nullopt));
    if (publisher_ == nullptr) {
      publisher_ = std::make_unique<broker::gcp::GooglePublisher>(
          roles::DialTopics(roles::PubsubAddress(options_.google.pubsub)), clock_);
    }
    uint64_t& last = record_.topics[topic.name];
    Progress progress(topic.name, reader->last_sequence());
    uint64_t count = 0;
    while (true) {
      AFLUENTE_ASSIGN_OR_RETURN(const auto batch,
                                reader->Read(last, kMessagesAtOnce, kBytesAtOnce));
      if (batch.empty()) break;
      AFLUENTE_RETURN_IF_ERROR(Publish(name, batch));
      last = batch.back()->sequence;
      count += batch.size();
      AFLUENTE_RETURN_IF_ERROR(record_.Save(record_file_));
      progress.Update(last, count, "messages");
    }
    progress.Finish(count, "messages");
    return absl::OkStatus();
  }

  // Each with the id that it had here, so that one that comes twice can be told.
  absl::Status Publish(const std::string& topic, const broker::TopicReader::Batch& batch) {
    std::vector<event::Draft> drafts;
    for (const auto& message : batch) {
      auto draft = source::ToForward(topic, *message);
      if (draft) drafts.push_back(*std::move(draft));
    }
    if (drafts.empty()) return absl::OkStatus();
    absl::Notification answered;
    absl::Status status;
    publisher_->Publish(topic, std::move(drafts), [&](const auto& ids) {
      status = ids.status();
      answered.Notify();
    });
    answered.WaitForNotification();
    return status;
  }

  const MigrateOptions& options_;
  const std::string record_file_;
  host::SystemClock clock_;
  telemetry::Metrics metrics_;
  spec::Spec spec_;
  MigrationRecord record_;
  http::IoThreads threads_{1};
  std::unique_ptr<http::ConnectionPool> connections_ = http::ConnectionPool::Create(threads_, {});
  std::unique_ptr<roles::GoogleAccess> access_;
  warehouse::bigquery::StorageOptions storage_;
  std::unique_ptr<roles::Pipeline> pipeline_;
  std::unique_ptr<broker::gcp::GooglePublisher> publisher_;
};

}  // namespace

int RunMigrate(const MigrateOptions& options) {
  const absl::Status status = Migration(options).Run();
  if (!status.ok()) return Fail(status);
  std::printf("migrated\n");
  return 0;
}

void AddMigrate(CLI::App& app, MigrateOptions& options, std::function<int()>& run) {
  CLI::App* migrate =
      app.add_subcommand("migrate", "copy tables and messages to Google Cloud, resumably");
  migrate->add_option("spec", options.spec_file, "specification")->capture_default_str();
  WithEnvironment(migrate->add_option("--data-dir", options.data_dir, "where all data lives")
                      ->capture_default_str());
  migrate->add_option("--bigquery-endpoint", options.google.bigquery)->capture_default_str();
  migrate->add_option("--bigquery-storage-endpoint", options.google.bigquery_storage)
      ->capture_default_str();
  AddPubsub(migrate, options.google);
  migrate->add_flag("--messages", options.messages,
                    "the retained messages too; before the functions' subscriptions are made");
  migrate->callback([&options, &run] { run = [&options] { return RunMigrate(options); }; });
}

}  // namespace afluente::cli
