#pragma once

// For tests: a TCP connection that sends exactly the bytes it is told to.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace afluente::http {

class RawConnection {
 public:
  explicit RawConnection(uint16_t port, bool ipv6 = false) {
    fd_ = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    const timeval timeout{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    connected_ = (ipv6 ? connect(fd_, reinterpret_cast<sockaddr*>(&v6), sizeof v6)
                       : connect(fd_, reinterpret_cast<sockaddr*>(&v4), sizeof v4)) == 0;
  }
  ~RawConnection() { close(fd_); }
  RawConnection(const RawConnection&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // False when the peer is gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }

  // Everything until the peer closes; a reset appends "<reset>", ten silent seconds "<silent>".
  std::string ReadAll() {
    while (ReadSome()) {
    }
    return std::exchange(buffer_, std::string());
  }

  // One answer with its Content-Length body; what is missing at the peer's close is cut short.
  std::string ReadAnswer(bool head_only = false) {
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadSome()) return std::exchange(buffer_, std::string());
    }
    size_t size = end + 4;
    const size_t field = buffer_.find("Content-Length: ");
    if (!head_only && field < end) size += std::stoul(buffer_.substr(field + 16));
    while (buffer_.size() < size) {
      if (!ReadSome()) return std::exchange(buffer_, std::string());
    }
    std::string answer = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return answer;
  }

 private:
  bool ReadSome() {
    char bytes[16 << 10];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
    if (n > 0) buffer_.append(bytes, static_cast<size_t>(n));
    if (n < 0) buffer_ += errno == EAGAIN ? "<silent>" : "<reset>";
    return n > 0;
  }

  int fd_ = -1;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace afluente::http
