#pragma once

#include <string>
#include <utility>
#include <vector>

namespace afluente::spec {

// What `afluente init` writes, as paths relative to its directory with their texts: a small
// afluente.yaml that works as it is, the file that it names, and a few events to publish.
std::vector<std::pair<std::string, std::string>> InitialFiles();

}  // namespace afluente::spec
