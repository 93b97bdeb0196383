#pragma once

#include <memory>
#include <string>

#include "broker/wire/client.h"

namespace afluente::broker {
class RemoteTopic;
}

namespace afluente::roles {

// HOST:PORT of the Pub/Sub that a role works with: `given`, with or without http:// before it, else
// the emulator's that PUBSUB_EMULATOR_HOST names, else Google's.
std::string PubsubAddress(const std::string& given);

// How it is asked: Google's own over TLS with the machine's credentials, others in the clear.
broker::wire::ClientOptions PubsubOptions(const std::string& address);

// Its topics; connects at the first publish.
std::unique_ptr<broker::RemoteTopic> DialTopics(const std::string& address);

}  // namespace afluente::roles
