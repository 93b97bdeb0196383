#pragma once

#include <string_view>

namespace afluente::event {

// An MQTT topic filter (MQTT 5, 4.7): levels between slashes, '+' a whole level, '#' the last one,
// at most 65,535 bytes. Not one that begins with '$': those are a broker's own.
bool IsTopicFilter(std::string_view text);

// Whether a topic name fits the filter. Names that begin with '$' fit none.
bool MatchesTopicFilter(std::string_view filter, std::string_view topic);

// Whether `a` is the more specific of two filters that fit one name: at the first level where they
// differ, a name goes before '+' and '+' before '#'.
bool IsMoreSpecific(std::string_view a, std::string_view b);

}  // namespace afluente::event
