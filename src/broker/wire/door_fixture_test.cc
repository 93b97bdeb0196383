#include "broker/wire/door_fixture.h"

#include "broker/embedded_broker.h"
#include "broker/memory_journal.h"
#include "http/client.h"

namespace afluente::broker::wire {
namespace {

std::unique_ptr<Broker> OpenInMemory(const host::Clock& clock) {
  auto broker = EmbeddedBroker::Create(
      clock, {}, [](log::Recovery& recovery) -> absl::StatusOr<std::unique_ptr<log::Journal>> {
        return MemoryJournal::Open(std::make_shared<MemoryDisk>(), recovery);
      });
  EXPECT_TRUE(broker.ok()) << broker.status();
  return *std::move(broker);
}

}  // namespace

DoorTest::DoorTest(Behind behind) : real_broker_(OpenInMemory(clock_)) {
  Broker& real = *real_broker_;
  DoorParts parts{{real, real, real, real, real, real}, io_threads_, workers_, metrics_, clock_};
  auto door = PubsubDoor::Create(behind == Behind::kBroker
                                     ? parts
                                     : DoorParts{{broker_, broker_, broker_, real, real, real},
                                                 io_threads_,
                                                 workers_,
                                                 metrics_,
                                                 clock_},
                                 DoorOptions());
  EXPECT_TRUE(door.ok()) << door.status();
  door_ = *std::move(door);
  auto port = door_->Listen("127.0.0.1:0");
  EXPECT_TRUE(port.ok()) << port.status();
  port_ = *port;
  channel_ = NewChannel();
  publisher_ = pubsub::Publisher::NewStub(channel_);
  subscriber_ = pubsub::Subscriber::NewStub(channel_);
}

http::Response DoorTest::Rest(const std::string& method, const std::string& path,
                              const std::string& body) {
  auto response = http::Fetch(method, absl::StrCat("http://127.0.0.1:", port_, path), body);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : http::Response{.status = 0, .headers = {}, .body = ""};
}

DoorTest::~DoorTest() = default;

}  // namespace afluente::broker::wire
