#pragma once

#include <map>
#include <string>
#include <vector>

namespace afluente::api {

class ServedEndpoint;

// The OpenAPI 3.1 document of the endpoints and /health. Its server URL is relative to the
// document, so that it holds behind any path prefix. `examples` are rows by endpoint path, as JSON
// arrays; an endpoint without any gets one of made-up values of its columns' types.
std::string OpenApiDocument(const std::vector<const ServedEndpoint*>& endpoints,
                            const std::string& title, const std::string& version,
                            const std::map<std::string, std::string>& examples);

}  // namespace afluente::api
