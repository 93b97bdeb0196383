#include "source/delivery_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "absl/synchronization/notification.h"
#include "broker/broker_harness.h"
#include "host/faulty_file_system.h"

namespace afluente::source {
namespace {

using ::testing::IsSubsetOf;

constexpr char kPath[] = "data/notes";

// A door that remembers notes, on a disk that fails.
class ForgetfulDoor {
 public:
  ForgetfulDoor(host::FaultyFileSystem& files, broker::BrokerHarness& broker)
      : files_(files), broker_(broker) {}
  ~ForgetfulDoor() { Close(); }

  absl::Status Open() {
    DeliveryLog::Recovered recovered;
    // So small that most notes are followed by a checkpoint.
    DeliveryLog::Limits limits;
    limits.bytes_between = 100;
    auto log =
        DeliveryLog::Open({files_, &broker_.broker(), broker_.clock()}, kPath, limits, recovered);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    known_ = std::set<std::string>(recovered.notes.begin(), recovered.notes.end());
    log_->Start([this] {
      std::lock_guard lock(mutex_);
      return std::vector<std::string>(known_.begin(), known_.end());
    });
    return absl::OkStatus();
  }
  void Close() {
    if (log_) log_->Stop();
    log_.reset();
  }
  // Whether the log says that the note is durable.
  bool Note(const std::string& note) {
    {
      std::lock_guard lock(mutex_);
      known_.insert(note);
    }
    absl::Notification answered;
    absl::Status result;
    log_->Append(note, [&](absl::Status status) {
      result = std::move(status);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result.ok();
  }
  std::set<std::string> known() const { return known_; }

 private:
  host::FaultyFileSystem& files_;
  broker::BrokerHarness& broker_;
  std::unique_ptr<DeliveryLog> log_;
  std::mutex mutex_;
  std::set<std::string> known_;
};

// Every operation of the disk fails once, alone or with all that follow; then the power goes.
TEST(DeliveryLogFaults, WhatWasCalledDurableIsFoundWhicheverOperationFails) {
  for (const bool alone : {true, false}) {
    uint64_t faults = 1;
    uint64_t nth = 0;
    while (faults > 0) {
      ++nth;
      SCOPED_TRACE(testing::Message() << "operation " << nth << (alone ? "" : " and all after"));
      host::FaultyFileSystem files(nth);
      ASSERT_TRUE(files.CreateDirectory("data").ok());
      broker::BrokerHarness broker;
      ForgetfulDoor door(files, broker);
      ASSERT_TRUE(door.Open().ok());
      std::set<std::string> durable;
      if (door.Note("before")) durable.insert("before");
      ASSERT_EQ(durable.size(), 1u);
      alone ? files.FailOperation(nth) : files.FailFrom(nth);
      for (int i = 0; i < 12; ++i) {
        const std::string note = "note " + std::to_string(i) + std::string(20, '.');
        if (door.Note(note)) durable.insert(note);
      }
      door.Close();
      faults = files.faults();
      files.PowerLoss();
      ASSERT_TRUE(door.Open().ok());
      EXPECT_THAT(durable, IsSubsetOf(door.known()));
      EXPECT_TRUE(door.Note("afterwards it works again"));
    }
    EXPECT_GT(nth, 12u) << "the faults did not reach the notes";
  }
}

}  // namespace
}  // namespace afluente::source
