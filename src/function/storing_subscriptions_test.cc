#include "function/storing_subscriptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/broker_harness.h"
#include "function/memory_warehouse.h"
#include "warehouse/catalog.h"

namespace afluente::function {
namespace {

using broker::BigqueryState;
using broker::kSubscription;
using broker::kTopic;
using schema::TypeKind;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// One table that tests take away and change.
class OneTable final : public warehouse::CatalogView {
 public:
  void Set(std::optional<warehouse::TableSchema> table) {
    absl::MutexLock lock(&mutex_);
    table_ = std::move(table);
  }
  std::optional<warehouse::TableSchema> FindTable(const warehouse::TableName& name) const override {
    absl::MutexLock lock(&mutex_);
    if (!table_ || table_->name != name) return std::nullopt;
    return table_;
  }
  bool HasDataset(std::string_view, std::string_view) const override { return true; }

 private:
  mutable absl::Mutex mutex_;
  std::optional<warehouse::TableSchema> table_ ABSL_GUARDED_BY(mutex_);
};

warehouse::TableSchema Table(TypeKind data) {
  warehouse::TableSchema table;
  table.name = {"p", "d", "t"};
  table.columns = {{"data", {data, {}}, schema::Mode::kNullable, ""}};
  return table;
}

class StoringTest : public ::testing::Test {
 protected:
  StoringTest() {
    catalog_.Set(Table(TypeKind::kString));
    harness_.CreateTopic();
    Open();
  }
  ~StoringTest() override { Close(); }

  void Open() {
    storing_ = std::make_unique<StoringSubscriptions>(
        harness_.broker(), warehouse_, catalog_,
        [](const std::string&) -> absl::StatusOr<TopicJson> {
          return absl::FailedPreconditionError("the topic has no schema");
        });
  }
  void Close() {
    storing_->Stop();
    storing_ = nullptr;
  }
  // The broker loses what is not synced; the warehouse keeps what was committed.
  void Crash() {
    Close();  // first: what a crash loses is never answered
    harness_.journal().Crash(0);
    harness_.Stop();
    ASSERT_TRUE(harness_.Start().ok());
    Open();
    storing_->Start({kSubscription});
  }

  static broker::SubscriptionSettings Settings(std::string table = "p.d.t") {
    broker::SubscriptionSettings settings;
    settings.name = kSubscription;
    settings.topic = kTopic;
    settings.bigquery.emplace().table = std::move(table);
    return settings;
  }
  void Subscribe() {
    auto created = storing_->CreateSubscription(Settings());
    ASSERT_TRUE(created.ok()) << created.status();
  }
  template <typename Condition>
  [[nodiscard]] bool Eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      harness_.Settle();
    }
    return true;
  }
  bool StoredAndAcked(size_t rows) {
    return Eventually(
        [&] { return warehouse_.RowIds().size() == rows && harness_.Backlog() == 0; });
  }

  broker::BrokerHarness harness_;
  MemoryWarehouse warehouse_;
  OneTable catalog_;
  std::unique_ptr<StoringSubscriptions> storing_;
};

TEST_F(StoringTest, MessagesBecomeRowsAndAreAcked) {
  Subscribe();
  auto ids = harness_.PublishTexts({"a", "b", "c"});
  ASSERT_TRUE(ids.ok());
  EXPECT_TRUE(StoredAndAcked(3));
  EXPECT_THAT(warehouse_.RowIds(), UnorderedElementsAre((*ids)[0], (*ids)[1], (*ids)[2]));
}

TEST_F(StoringTest, AnAckThatACrashLostStoresNothingTwice) {
  Subscribe();
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  ASSERT_TRUE(StoredAndAcked(2));
  // The rows commit, but the journal takes no ack of them.
  warehouse_.OnCommit([&] { harness_.journal().Refuse(absl::UnavailableError("gone")); });
  ASSERT_TRUE(harness_.PublishTexts({"c"}).ok());
  ASSERT_TRUE(Eventually([&] { return warehouse_.RowIds().size() == 3; }));
  warehouse_.OnCommit(nullptr);
  Crash();
  ASSERT_EQ(harness_.Backlog(), 1);
  ASSERT_TRUE(harness_.PublishTexts({"d"}).ok());
  EXPECT_TRUE(StoredAndAcked(4));
  EXPECT_EQ(warehouse_.Account("", {}).value().messages_in_table, 4);
}

TEST_F(StoringTest, AnAckThatTheDiskRefusedStoresNothingTwice) {
  Subscribe();
  warehouse_.OnCommit([&] { harness_.journal().Refuse(absl::UnavailableError("gone")); });
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  ASSERT_TRUE(Eventually([&] { return warehouse_.RowIds().size() == 1; }));
  warehouse_.OnCommit(nullptr);
  harness_.Settle();
  harness_.journal().Refuse(absl::OkStatus());
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(10));
    return harness_.Backlog() == 0;
  }));
  EXPECT_EQ(warehouse_.RowIds().size(), 1);
}

TEST_F(StoringTest, ARefusingDiskDelaysAndDoublesNothing) {
  Subscribe();
  warehouse_.Refuse(2);
  ASSERT_TRUE(harness_.PublishTexts({"a", "b"}).ok());
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(1));
    return warehouse_.RowIds().size() == 2 && harness_.Backlog() == 0;
  }));
}

TEST_F(StoringTest, OneRowThatTheTableRefusesDoesNotHoldUpTheOthers) {
  Subscribe();
  warehouse_.Poison(schema::Value(std::string("bad")));
  ASSERT_TRUE(harness_.PublishTexts({"a", "b", "bad", "c", "d"}).ok());
  EXPECT_TRUE(
      Eventually([&] { return warehouse_.RowIds().size() == 4 && harness_.Backlog() == 1; }));
  // It comes again, and is stored once the table takes it.
  warehouse_.Poison(schema::Value(std::string("none")));
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(1));
    return warehouse_.RowIds().size() == 5 && harness_.Backlog() == 0;
  }));
}

TEST_F(StoringTest, ATableThatDoesNotFitIsRefusedAtCreation) {
  EXPECT_TRUE(absl::IsInvalidArgument(storing_->CreateSubscription(Settings("d.t")).status()));
  EXPECT_TRUE(absl::IsNotFound(storing_->CreateSubscription(Settings("p.d.other")).status()));
  catalog_.Set(Table(TypeKind::kInt64));
  EXPECT_TRUE(absl::IsFailedPrecondition(storing_->CreateSubscription(Settings()).status()));
  warehouse::TableSchema fed = Table(TypeKind::kString);
  fed.function_fed = true;
  catalog_.Set(fed);
  EXPECT_THAT(storing_->CreateSubscription(Settings()).status().ToString(),
              HasSubstr("fed by a function"));
  broker::SubscriptionSettings topic_schema = Settings();
  topic_schema.bigquery->use_topic_schema = true;
  EXPECT_THAT(storing_->CreateSubscription(topic_schema).status().ToString(),
              HasSubstr("no schema"));
  EXPECT_TRUE(absl::IsNotFound(storing_->GetSubscription(kSubscription).status()));
}

TEST_F(StoringTest, ItsStateShowsWhatIsWrongWithTheTable) {
  Subscribe();
  catalog_.Set(std::nullopt);
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  auto state = [&] { return storing_->GetSubscription(kSubscription)->bigquery->state; };
  EXPECT_TRUE(Eventually([&] { return state() == BigqueryState::kNotFound; }));
  catalog_.Set(Table(TypeKind::kInt64));
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(1));
    return state() == BigqueryState::kSchemaMismatch;
  }));
  catalog_.Set(Table(TypeKind::kString));
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(1));
    return state() == BigqueryState::kActive && warehouse_.RowIds().size() == 1;
  }));
}

TEST_F(StoringTest, AChangeMovesBetweenTheTableAndPulling) {
  Subscribe();
  broker::SubscriptionSettings pulled = Settings();
  pulled.bigquery.reset();
  ASSERT_TRUE(storing_->UpdateSubscription(pulled).ok());
  ASSERT_TRUE(harness_.PublishTexts({"a"}).ok());
  EXPECT_EQ(harness_.Pull().texts(), std::vector<std::string>{"a"});
  ASSERT_TRUE(storing_->UpdateSubscription(Settings()).ok());
  EXPECT_TRUE(Eventually([&] {
    harness_.Advance(std::chrono::seconds(1));
    return warehouse_.RowIds().size() == 1 && harness_.Backlog() == 0;
  }));
  ASSERT_TRUE(storing_->DeleteSubscription(kSubscription).ok());
}

}  // namespace
}  // namespace afluente::function
