#pragma once

#include <string>
#include <vector>

namespace afluente::api {

class ServedEndpoint;

// The OpenAPI 3.1 document of the endpoints and /health. Its server URL is relative to the
// document, so that it holds behind any path prefix.
std::string OpenApiDocument(const std::vector<const ServedEndpoint*>& endpoints,
                            const std::string& title, const std::string& version);

}  // namespace afluente::api
