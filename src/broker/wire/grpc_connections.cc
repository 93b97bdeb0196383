#include "broker/wire/grpc_connections.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace afluente::broker::wire {
namespace {

// 0 when it is not open.
ino_t InodeOf(int fd) {
  struct stat file{};
  return fstat(fd, &file) == 0 ? file.st_ino : 0;
}

// An empty SETTINGS frame, as each side begins with one, and GOAWAY with ENHANCE_YOUR_CALM
// (RFC 9113, 6.8).
std::string GoAway(const std::string& why) {
  const auto size = static_cast<char>(8 + why.size());
  std::string frames(9, '\0');
  frames[3] = 4;
  frames += {0, 0, size, 7, 0, 0, 0, 0, 0};
  frames += {0, 0, 0, 0, 0, 0, 0, 11};
  return frames + why;
}

void Refuse(int fd, const std::string& why) {
  const std::string frames = GoAway(why);
  send(fd, frames.data(), frames.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(fd, SHUT_WR);
  // Bytes that nobody read would make the close a reset, and the peer lose what was said.
  char unread[4096];
  while (recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0) {
  }
  close(fd);
}

}  // namespace

bool GrpcConnections::Admit(int fd) {
  {
    absl::MutexLock lock(&mutex_);
    inodes_.erase(fd);
    if (inodes_.size() >= connections_max_)
      absl::erase_if(inodes_, [](const auto& each) { return InodeOf(each.first) != each.second; });
    if (inodes_.size() < connections_max_) {
      inodes_[fd] = InodeOf(fd);
      return true;
    }
  }
  Refuse(fd, absl::StrCat("grpc_connections_max: ", connections_max_, " are open"));
  return false;
}

}  // namespace afluente::broker::wire
