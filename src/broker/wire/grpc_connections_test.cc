#include "broker/wire/grpc_connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace afluente::broker::wire {
namespace {

// Our end of a new connection; the peer's is kept in `peers`.
int Connect(std::vector<int>& peers) {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  peers.push_back(ends[1]);
  return ends[0];
}

std::string ReadToEnd(int fd) {
  std::string all;
  char some[256];
  for (ssize_t size = 0; (size = read(fd, some, sizeof some)) > 0;) all.append(some, size);
  return all;
}

TEST(GrpcConnections, OneTooManyIsToldWhyAndRoomComesBackWithoutAWord) {
  GrpcConnections connections(2);
  std::vector<int> peers;
  const int first = Connect(peers);
  const int second = Connect(peers);
  EXPECT_TRUE(connections.Admit(first));
  EXPECT_TRUE(connections.Admit(second));
  const int third = Connect(peers);
  ASSERT_EQ(write(peers.back(), "PRI * HTTP/2.0", 14), 14);
  EXPECT_FALSE(connections.Admit(third));
  const std::string said = ReadToEnd(peers.back());
  ASSERT_GT(said.size(), 26u);
  EXPECT_EQ(said[3], 4);                   // SETTINGS
  EXPECT_EQ(said[9 + 3], 7);               // GOAWAY
  EXPECT_EQ(said.size(), 18u + said[11]);  // as long as it says
  EXPECT_THAT(said, testing::HasSubstr("grpc_connections_max: 2"));
  close(first);
  const int fourth = Connect(peers);  // the same number, perhaps
  EXPECT_TRUE(connections.Admit(fourth));
  const int fifth = Connect(peers);
  EXPECT_FALSE(connections.Admit(fifth));
  close(second);
  close(fourth);
  for (int each : peers) close(each);
}

}  // namespace
}  // namespace afluente::broker::wire
