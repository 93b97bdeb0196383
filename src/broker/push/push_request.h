#pragma once

#include <string>

#include "broker/resources.h"
#include "broker/subscriptions.h"
#include "http/connection_pool.h"

namespace afluente::broker::push {

// The request that delivers a message: wrapped in JSON, or its data alone ("Push subscriptions" and
// "Payload unwrapping for Pub/Sub push subscriptions" in Pub/Sub's documentation), where attributes
// become headers on demand; one that is no header, or would change how the request is read, is left
// out.
http::OutgoingRequest MakePushRequest(const PushConfig& push, const std::string& subscription,
                                      const Delivered& delivered);

// 102, 200, 201, 202 and 204 acknowledge; any other status does not.
bool IsAck(int http_status);

}  // namespace afluente::broker::push
