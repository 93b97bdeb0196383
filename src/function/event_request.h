#pragma once

#include <string>

#include "function/transform.h"
#include "http/connection_pool.h"

namespace afluente::function {

// How a message is put to a function over HTTP.
enum class EventFormat {
  kPubsub,                 // the body of a Pub/Sub push request
  kCloudeventsBinary,      // CloudEvents 1.0, HTTP binding: attributes in ce- headers
  kCloudeventsStructured,  // the same, all of it in one JSON object
};

// What of a request is the same for all messages.
struct EventTarget {
  std::string url;
  EventFormat format = EventFormat::kPubsub;
  std::string topic;         // projects/P/topics/T
  std::string subscription;  // projects/P/subscriptions/S: the function's own
};

// The request for one attempt. CloudEvents are what Eventarc sends for Pub/Sub
// (google.cloud.pubsub.topic.v1.messagePublished), with the push body as their data.
http::OutgoingRequest EventRequest(const EventTarget& target, const Attempt& attempt);

}  // namespace afluente::function
