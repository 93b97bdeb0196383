#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "broker/log/journal_model.h"
#include "host/check.h"
#include "host/file_system.h"

// I1 on the machine's own file system: processes killed, and many threads.
namespace afluente::broker::log {
namespace {

std::string FreshDirectory(const std::string& name) {
  const std::string path = absl::StrCat(testing::TempDir(), "/", name, ".", getpid());
  std::filesystem::remove_all(path);
  return path;
}

JournalOptions CrashOptions() {
  JournalOptions options = SmallOptions();
  options.segment_bytes = 64 << 10;
  options.group_bytes_max = 8 << 10;
  options.queue_bytes_max = 16 << 20;
  options.idle = std::chrono::milliseconds(1);
  return options;
}

uint32_t IdOf(const std::string& payload) {
  return static_cast<uint32_t>(std::strtoul(payload.c_str(), nullptr, 10));
}

// Appends from `first` on until killed; says each id that was answered.
[[noreturn]] void AppendUntilKilled(const std::string& directory, uint32_t first, int answers) {
  host::PosixFileSystem files;
  RecordingRecovery recovery;
  auto journal = Journal::Open(files, directory, CrashOptions(), recovery);
  if (!journal.ok()) _exit(2);
  for (uint32_t id = first;; id += 4) {
    absl::Notification answered;
    for (uint32_t next = id; next < id + 4; ++next) {
      (*journal)->Append(PayloadOf(next), [&, next](absl::StatusOr<Place> place) {
        if (!place.ok() || write(answers, &next, sizeof(next)) != sizeof(next)) _exit(3);
        if (next == id + 3) answered.Notify();
      });
    }
    answered.WaitForNotification();
  }
}

TEST(JournalCrashTest, AKilledProcessLosesNothingAnswered) {
  const std::string directory = FreshDirectory("killed");
  uint32_t last_answered = 0;
  for (int round = 0; round < 30; ++round) {
    int answers[2] = {};
    ASSERT_EQ(pipe(answers), 0);
    const uint32_t first = last_answered + 1;
    const pid_t child = fork();
    if (child == 0) AppendUntilKilled(directory, first, answers[1]);
    close(answers[1]);
    uint32_t id = 0;
    const uint32_t until = first + static_cast<uint32_t>(round * 7 % 50);
    while (id < until && read(answers[0], &id, sizeof(id)) == sizeof(id)) last_answered = id;
    kill(child, SIGKILL);
    while (read(answers[0], &id, sizeof(id)) == sizeof(id)) last_answered = id;
    close(answers[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    host::PosixFileSystem files;
    RecordingRecovery recovery;
    auto journal = Journal::Open(files, directory, CrashOptions(), recovery);
    ASSERT_TRUE(journal.ok()) << journal.status();
    ASSERT_GE(recovery.records.size(), last_answered);
    for (size_t i = 0; i < recovery.records.size(); ++i)
      ASSERT_EQ(recovery.records[i], PayloadOf(static_cast<uint32_t>(i + 1)));
    last_answered = static_cast<uint32_t>(recovery.records.size());
  }
  EXPECT_GT(last_answered, 500u);
  std::filesystem::remove_all(directory);
}

TEST(JournalCrashTest, EightThreadsKeepTheirOrder) {
  constexpr uint32_t kThreads = 8;
  constexpr uint32_t kEach = 300;
  const std::string directory = FreshDirectory("threads");
  host::PosixFileSystem files;
  std::vector<uint32_t> order;  // by the writer's thread only
  std::vector<Place> places;
  {
    RecordingRecovery none;
    auto journal = Journal::Open(files, directory, CrashOptions(), none);
    ASSERT_TRUE(journal.ok()) << journal.status();
    std::vector<std::thread> threads;
    for (uint32_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (uint32_t i = 0; i < kEach; ++i) {
          const uint32_t id = i * kThreads + thread;
          (*journal)->Append(PayloadOf(id), [&, id](absl::StatusOr<Place> place) {
            AFLUENTE_CHECK(place.ok());
            order.push_back(id);
            places.push_back(*place);
          });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_EQ(order.size(), kThreads * kEach);
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
  RecordingRecovery recovery;
  auto journal = Journal::Open(files, directory, CrashOptions(), recovery);
  ASSERT_TRUE(journal.ok()) << journal.status();
  ASSERT_EQ(recovery.records.size(), order.size());
  EXPECT_EQ(recovery.places, places);
  std::vector<uint32_t> next(kThreads, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    ASSERT_EQ(recovery.records[i], PayloadOf(order[i]));
    ASSERT_EQ((*journal)->Read(places[i]).value(), recovery.records[i]);
    const uint32_t id = IdOf(recovery.records[i]);
    ASSERT_EQ(id / kThreads, next[id % kThreads]++);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace afluente::broker::log
