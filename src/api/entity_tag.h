#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "warehouse/warehouse.h"

namespace afluente::api {

// A weak entity tag (RFC 9110, 8.8.3) of an answer: of what was asked and of the versions of the
// tables read. Weak, since one tag stands for each content coding of the answer. The key keeps
// versions from being read out of it.
std::string EntityTag(std::string_view key, std::string_view asked,
                      const std::vector<warehouse::TableVersion>& versions);

// An If-None-Match header's value names the tag, or is "*".
bool NoneMatchNames(std::string_view header, std::string_view tag);

}  // namespace afluente::api
