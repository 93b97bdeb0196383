#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "broker/topics.h"

namespace afluente::broker {

// The number of items in a page: the caller's, within bounds.
size_t PageSize(size_t asked);

// What the names of a project's resources start with; both "P" and "projects/P" name it.
absl::StatusOr<std::string> ProjectPrefix(std::string_view project, std::string_view page_token);

// A name for what is created without one, in the project of the resource `name`.
std::string RandomNameBeside(std::string_view name, std::string_view kind);

// A page of what `map` holds under names with a prefix; `get` gives the item, or nothing for one
// that is not shown. The token is the last name of the page before.
template <typename Item, typename Map, typename Get>
Page<Item> ListPage(const Map& map, std::string_view prefix, size_t page_size,
                    std::string_view page_token, Get get) {
  Page<Item> page;
  std::string last;
  auto it = page_token.empty() ? map.lower_bound(std::string(prefix))
                               : map.upper_bound(std::string(page_token));
  for (; it != map.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    auto item = get(*it->second);
    if (!item) continue;
    if (page.items.size() == page_size) {
      page.next_page_token = std::move(last);
      break;
    }
    page.items.push_back(*std::move(item));
    last = it->first;
  }
  return page;
}

}  // namespace afluente::broker
