#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "broker/wire/door_fixture.h"

namespace afluente::broker::wire {
namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class HostileTest : public DoorTest {
 protected:
  HostileTest() {
    const char* given = std::getenv("AFLUENTE_TEST_SEED");
    seed_ = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("seed %llu (replay with AFLUENTE_TEST_SEED)\n",
                static_cast<unsigned long long>(seed_));
    random_.seed(seed_);
  }
  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{.tv_sec = 2, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  }
  // Sends bytes, ends its side, and reads until the door closes.
  void SendAndDrain(const std::string& bytes) {
    const int fd = Connect();
    (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    char buffer[4096];
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    close(fd);
  }
  std::string RandomBytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  static std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload,
                           uint32_t claimed_size) {
    std::string frame;
    for (int shift : {16, 8, 0}) frame += static_cast<char>(claimed_size >> shift);
    frame += static_cast<char>(type);
    frame += static_cast<char>(flags);
    for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
    return frame + payload;
  }

  uint64_t seed_ = 0;
  std::mt19937_64 random_;
};

TEST_F(HostileTest, SurvivesRandomBytes) {
  for (int i = 0; i < 100; ++i) SendAndDrain(RandomBytes(random_() % 300));
  ExpectAlive();
}

TEST_F(HostileTest, SurvivesRandomFramesAfterThePreface) {
  for (int i = 0; i < 150; ++i) {
    std::string bytes = kPreface;
    if (random_() % 2 == 0) bytes += Frame(4, 0, 0, "", 0);  // SETTINGS, as a client begins
    for (uint64_t frames = random_() % 6; frames > 0; --frames) {
      const std::string payload = RandomBytes(random_() % 64);
      const uint32_t size = random_() % 8 == 0 ? static_cast<uint32_t>(random_()) & 0xffffff
                                               : static_cast<uint32_t>(payload.size());
      bytes += Frame(random_() % 12, random_() % 256, random_() % 5, payload, size);
    }
    SendAndDrain(bytes);
  }
  ExpectAlive();
}

TEST_F(HostileTest, SurvivesTruncatedStarts) {
  const std::string preface = kPreface;
  for (size_t size = 0; size <= preface.size(); ++size) SendAndDrain(preface.substr(0, size));
  const std::string request =
      "POST /v1/projects/p/topics/t:publish HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{";
  for (size_t size = 0; size <= request.size(); size += 7) SendAndDrain(request.substr(0, size));
  ExpectAlive();
}

TEST_F(HostileTest, SurvivesGarbledHttp) {
  for (const char* text :
       {"GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "PRI /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/projects/p/topics/t:publish HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/projects/p/topics/t:publish HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /v1/projects/%zz/topics HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/projects/p/topics?a=%&b HTTP/1.1\r\nHost: x\r\n\r\n"})
    SendAndDrain(text);
  ExpectAlive();
}

TEST_F(HostileTest, SurvivesResets) {
  for (int i = 0; i < 50; ++i) {
    const int fd = Connect();
    const std::string bytes = i % 2 == 0 ? std::string(kPreface) + Frame(4, 0, 0, "", 0) : "POST";
    (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
  }
  ExpectAlive();
}

TEST_F(HostileTest, ServesIpv6Loopback) {
  const int probe = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has_ipv6 =
      probe >= 0 && bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (probe >= 0) close(probe);
  if (!has_ipv6) GTEST_SKIP() << "this machine has no IPv6 loopback";
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto stub = pubsub::Publisher::NewStub(grpc::CreateCustomChannel(
      absl::StrCat("[::1]:", port_), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  pubsub::ListTopicsRequest request;
  request.set_project("projects/p");
  pubsub::ListTopicsResponse response;
  EXPECT_TRUE(stub->ListTopics(&context, request, &response).ok());
}

}  // namespace
}  // namespace afluente::broker::wire
