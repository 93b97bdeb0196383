#pragma once

#include <sys/types.h>

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace afluente::broker::wire {

// Bounds how many sockets are gRPC's. gRPC tells nobody when it closes one, so those that are gone
// are found when there is no room: their number names another file by then, or none. Thread-safe.
class GrpcConnections {
 public:
  explicit GrpcConnections(size_t connections_max) : connections_max_(connections_max) {}

  // Whether the socket may be gRPC's, which then closes it. Else it is closed here, after an HTTP/2
  // GOAWAY that says why.
  bool Admit(int fd);

 private:
  const size_t connections_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<int, ino_t> inodes_ ABSL_GUARDED_BY(mutex_);  // by file descriptor
};

}  // namespace afluente::broker::wire
