#include "event/topic_filter.h"

#include <algorithm>

#include "schema/utf8.h"

namespace afluente::event {
namespace {

// Takes the first level off; `more` says whether a slash stood behind it.
std::string_view TakeLevel(std::string_view& text, bool& more) {
  const size_t slash = text.find('/');
  more = slash != std::string_view::npos;
  const std::string_view level = text.substr(0, slash);
  text = more ? text.substr(slash + 1) : std::string_view();
  return level;
}

int Rank(std::string_view level) { return level == "#" ? 2 : level == "+" ? 1 : 0; }

}  // namespace

bool IsTopicFilter(std::string_view text) {
  if (text.empty() || text.size() > 65'535 || text[0] == '$') return false;
  if (!schema::IsUtf8(text) || text.find('\0') != std::string_view::npos) return false;
  bool more = true;
  while (more) {
    const std::string_view level = TakeLevel(text, more);
    const bool wild = level.find_first_of("+#") != std::string_view::npos;
    if (wild && level.size() != 1) return false;
    if (level == "#" && more) return false;
  }
  return true;
}

bool MatchesTopicFilter(std::string_view filter, std::string_view topic) {
  if (topic.empty() || topic[0] == '$') return false;
  bool filter_more = true, topic_more = true;
  while (filter_more) {
    const std::string_view wanted = TakeLevel(filter, filter_more);
    // "a/#" fits "a" too.
    if (wanted == "#") return true;
    if (!topic_more) return false;
    const std::string_view level = TakeLevel(topic, topic_more);
    if (wanted != "+" && wanted != level) return false;
  }
  return !topic_more;
}

bool IsMoreSpecific(std::string_view a, std::string_view b) {
  bool a_more = true, b_more = true;
  while (a_more && b_more) {
    const int of_a = Rank(TakeLevel(a, a_more)), of_b = Rank(TakeLevel(b, b_more));
    if (of_a != of_b) return of_a < of_b;
  }
  return a_more && !b_more;
}

}  // namespace afluente::event
