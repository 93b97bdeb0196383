#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afluente::api {

// A query string of all fields but those called `name`, every byte encoded that is not unreserved
// (RFC 3986, 2.3).
std::string QueryStringWithout(std::string_view name,
                               const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace afluente::api
