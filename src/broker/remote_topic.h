#pragma once

#include <string>
#include <vector>

#include "broker/publisher.h"
#include "event/message.h"

namespace afluente::broker {

// Port: topics of another Pub/Sub. Thread-safe.
class RemoteTopic {
 public:
  virtual ~RemoteTopic() = default;
  // As Publisher's; may block while too much is under way.
  virtual void Publish(const std::string& topic, std::vector<event::Draft> batch,
                       Publisher::Published done) = 0;
  // Answers what is under way soon; what follows too.
  virtual void Cancel() = 0;
};

}  // namespace afluente::broker
