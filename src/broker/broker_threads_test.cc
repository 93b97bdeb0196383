// Many threads at once, and the real journal: restarts and a process that is killed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "broker/broker.h"
#include "gtest/gtest.h"
#include "host/clock.h"
#include "host/file_system.h"

namespace afluente::broker {
namespace {

constexpr char kTopic[] = "projects/p/topics/data";
constexpr char kSubscription[] = "projects/p/subscriptions/all";

class Directory {
 public:
  Directory() {
    std::string path = std::filesystem::temp_directory_path() / "afluente-broker-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

BrokerOptions Options(const Directory& directory) {
  BrokerOptions options;
  options.directory = directory.path();
  options.journal.segment_bytes = 1 << 20;
  options.journal.group_bytes_max = 256 << 10;
  options.journal.record_bytes_max = 512 << 10;
  options.memory_bytes_max = 200'000;
  options.snapshot_every_bytes = 300'000;
  options.dead_bytes_max = 100'000;
  return options;
}

std::unique_ptr<Broker> OpenBroker(const BrokerOptions& options) {
  static host::PosixFileSystem files;
  static host::SystemClock clock;
  auto broker = Broker::Open(files, clock, options);
  EXPECT_TRUE(broker.ok()) << broker.status();
  return broker.ok() ? *std::move(broker) : nullptr;
}

void CreateResources(Broker& broker, bool ordered) {
  TopicSettings topic;
  topic.name = kTopic;
  ASSERT_TRUE(broker.CreateTopic(topic).ok());
  SubscriptionSettings subscription;
  subscription.name = kSubscription;
  subscription.topic = kTopic;
  subscription.enable_message_ordering = ordered;
  ASSERT_TRUE(broker.CreateSubscription(subscription).ok());
}

absl::StatusOr<std::vector<std::string>> PublishAndWait(Broker& broker,
                                                        std::vector<event::Draft> drafts) {
  absl::StatusOr<std::vector<std::string>> answer;
  absl::Notification done;
  broker.Publish(kTopic, std::move(drafts), [&](auto ids) {
    answer = std::move(ids);
    done.Notify();
  });
  done.WaitForNotification();
  return answer;
}

// Takes and acks until told to stop, counting what it saw.
class Worker {
 public:
  Worker(Broker& broker, absl::Mutex& mutex, std::map<std::string, int>& seen)
      : broker_(broker), mutex_(mutex), seen_(seen) {
    consumer_ = *broker.OpenConsumer(kSubscription, {std::chrono::seconds(600), 500, 0});
    Ask();
  }
  ~Worker() {
    consumer_->Close();
    ended_.WaitForNotification();
  }

 private:
  void Ask() {
    consumer_->Next(100, 1 << 20, [this](absl::StatusOr<std::vector<Delivered>> delivered) {
      if (!delivered.ok()) {
        ended_.Notify();
        return;
      }
      std::vector<std::string> ids;
      {
        absl::MutexLock lock(&mutex_);
        for (const Delivered& each : *delivered) {
          ++seen_[each.message->data];
          ids.push_back(each.ack_id);
        }
      }
      broker_.Acknowledge(kSubscription, std::move(ids), [](absl::Status) {});
      Ask();
    });
  }

  Broker& broker_;
  absl::Mutex& mutex_;
  std::map<std::string, int>& seen_;
  std::unique_ptr<Consumer> consumer_;
  absl::Notification ended_;
};

void PublishSome(Broker& broker, int publisher, int batches) {
  for (int i = 0; i < batches; ++i) {
    std::vector<event::Draft> drafts;
    for (int j = 0; j < 20; ++j) {
      event::Draft draft;
      draft.data = std::to_string(publisher) + "-" + std::to_string(i) + "-" + std::to_string(j);
      draft.ordering_key = std::to_string(publisher);
      drafts.push_back(std::move(draft));
    }
    ASSERT_TRUE(PublishAndWait(broker, std::move(drafts)).ok());
  }
}

class Threads : public ::testing::TestWithParam<bool> {};

TEST_P(Threads, EightPublishersAndFourConsumersLoseNothing) {
  constexpr int kPublishers = 8;
  constexpr int kBatches = 25;
  Directory directory;
  absl::Mutex mutex;
  std::map<std::string, int> seen;
  {
    auto broker = OpenBroker(Options(directory));
    ASSERT_NE(broker, nullptr);
    CreateResources(*broker, GetParam());
    auto reader = *broker->OpenReader(kTopic, std::nullopt);
    broker->AllowCleaning();
    {
      std::vector<std::unique_ptr<Worker>> workers;
      for (int i = 0; i < 4; ++i) workers.push_back(std::make_unique<Worker>(*broker, mutex, seen));
      std::vector<std::thread> publishers;
      for (int i = 0; i < kPublishers; ++i)
        publishers.emplace_back([&broker, i] { PublishSome(*broker, i, kBatches); });
      for (std::thread& each : publishers) each.join();
      absl::MutexLock lock(&mutex);
      auto all = [&] { return seen.size() == kPublishers * kBatches * 20; };
      EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(60))) << seen.size();
    }
    for (const auto& [text, times] : seen) ASSERT_EQ(times, 1) << text;
    uint64_t next = 1;
    while (next <= reader->last_sequence()) {
      auto batch = reader->Read(next - 1, 333, 1 << 20);
      ASSERT_TRUE(batch.ok()) << batch.status();
      for (const auto& message : *batch) ASSERT_EQ(message->sequence, next++);
    }
    EXPECT_EQ(next, kPublishers * kBatches * 20 + 1);
  }
  // What was acked stays so.
  auto broker = OpenBroker(Options(directory));
  ASSERT_NE(broker, nullptr);
  EXPECT_EQ(broker->Stats().subscriptions[0].backlog, 0);
}

// Whatever is under way when a seek comes: all that it makes unacked is delivered after it.
TEST_P(Threads, ASeekAmongDeliveriesBringsAllBack) {
  constexpr int kPublishers = 4;
  constexpr int kBatches = 10;
  constexpr char kSnapshot[] = "projects/p/snapshots/start";
  Directory directory;
  auto broker = OpenBroker(Options(directory));
  ASSERT_NE(broker, nullptr);
  CreateResources(*broker, GetParam());
  SnapshotSettings snapshot;
  snapshot.name = kSnapshot;
  ASSERT_TRUE(broker->CreateSnapshot(snapshot, kSubscription).ok());
  broker->AllowCleaning();
  absl::Mutex mutex;
  std::map<std::string, int> seen;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(std::make_unique<Worker>(*broker, mutex, seen));
  std::vector<std::thread> publishers;
  for (int i = 0; i < kPublishers; ++i)
    publishers.emplace_back([&broker, i] { PublishSome(*broker, i, kBatches); });
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(broker->Seek(kSubscription, std::string(kSnapshot)).ok());
  for (std::thread& each : publishers) each.join();
  for (int i = 0; i < 20; ++i) {
    {
      absl::MutexLock lock(&mutex);
      seen.clear();
    }
    ASSERT_TRUE(broker->Seek(kSubscription, std::string(kSnapshot)).ok());
    absl::MutexLock lock(&mutex);
    auto all = [&] { return seen.size() == kPublishers * kBatches * 20; };
    ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(60)))
        << "seek " << i << ": " << seen.size();
  }
}

INSTANTIATE_TEST_SUITE_P(Order, Threads, ::testing::Bool());

// Publishes and acks until it is killed, and reports what was answered.
[[noreturn]] void RunVictim(const BrokerOptions& options, int report) {
  static host::PosixFileSystem files;
  static host::SystemClock clock;
  auto broker = Broker::Open(files, clock, options);
  if (!broker.ok()) ::_exit(3);
  auto say = [report](const std::string& line) {
    if (::write(report, line.data(), line.size()) < 0) ::_exit(4);
  };
  auto consumer = *(*broker)->OpenConsumer(kSubscription, {});
  for (int i = 0;; ++i) {
    std::vector<event::Draft> drafts;
    std::string text = std::to_string(::getpid()) + "-" + std::to_string(i);
    drafts.push_back({text, {}, ""});
    drafts.push_back({std::string(1000, 'x'), {}, ""});
    if (!PublishAndWait(**broker, std::move(drafts)).ok()) ::_exit(5);
    say("P" + text + "\n");
    absl::Notification delivered;
    std::vector<Delivered> got;
    consumer->Next(2, 1 << 20, [&](absl::StatusOr<std::vector<Delivered>> answer) {
      if (answer.ok()) got = *std::move(answer);
      delivered.Notify();
    });
    delivered.WaitForNotification();
    std::vector<std::string> ids;
    for (const Delivered& each : got) ids.push_back(each.ack_id);
    absl::Notification acked;
    (*broker)->Acknowledge(kSubscription, ids, [&](absl::Status) { acked.Notify(); });
    acked.WaitForNotification();
    std::string line;
    for (const Delivered& each : got) line += "A" + each.message->message_id + "\n";
    say(line);
  }
}

std::set<std::string> ReadLines(int from) {
  std::string all;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::read(from, buffer, sizeof buffer)) > 0) all.append(buffer, size);
  ::close(from);
  std::set<std::string> lines;
  for (size_t at = 0, end = 0; (end = all.find('\n', at)) != std::string::npos; at = end + 1)
    lines.insert(all.substr(at, end - at));
  return lines;
}

void KillOne(const BrokerOptions& options, std::set<std::string>& lines, useconds_t after) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  pid_t child = ::fork();
  if (child == 0) RunVictim(options, ends[1]);
  ::close(ends[1]);
  ::usleep(after);
  ::kill(child, SIGKILL);
  lines.merge(ReadLines(ends[0]));
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
}

TEST(Killed, WhatWasAnsweredSurvives) {
  Directory directory;
  BrokerOptions options = Options(directory);
  if (auto broker = OpenBroker(options)) CreateResources(*broker, false);
  std::set<std::string> lines;
  for (useconds_t round = 0; round < 5; ++round) KillOne(options, lines, 100'000 + 37'000 * round);
  auto broker = OpenBroker(options);
  ASSERT_NE(broker, nullptr);
  std::set<std::string> texts;
  auto reader = *broker->OpenReader(kTopic, std::nullopt);
  std::set<std::string> ids;
  for (uint64_t next = 1; next <= reader->last_sequence();) {
    auto batch = reader->Read(next - 1, 1000, 1 << 20);
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (const auto& message : *batch) {
      ASSERT_EQ(message->sequence, next++);
      texts.insert(message->data);
      ASSERT_TRUE(ids.insert(message->message_id).second);
    }
  }
  size_t published = 0;
  for (const std::string& line : lines) {
    if (line[0] != 'P') continue;
    ++published;
    ASSERT_TRUE(texts.contains(line.substr(1))) << line;
  }
  EXPECT_GT(published, 10);
  // Nothing comes again whose ack was answered.
  auto consumer = *broker->OpenConsumer(kSubscription, {});
  uint64_t left = broker->Stats().subscriptions[0].backlog;
  while (left > 0) {
    absl::Notification delivered;
    consumer->Next(1000, 10'000'000, [&](absl::StatusOr<std::vector<Delivered>> answer) {
      ASSERT_TRUE(answer.ok());
      for (const Delivered& each : *answer)
        EXPECT_FALSE(lines.contains("A" + each.message->message_id)) << each.message->message_id;
      left -= answer->size();
      delivered.Notify();
    });
    delivered.WaitForNotification();
  }
}

}  // namespace
}  // namespace afluente::broker
