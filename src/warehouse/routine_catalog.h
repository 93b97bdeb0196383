#pragma once

#include <memory>

namespace afluente::warehouse {

class CatalogListing;

// Port beside Catalog, of engines that keep functions and procedures: what exists now, to list. Any
// thread, never blocks on disk.
class RoutineCatalog {
 public:
  virtual ~RoutineCatalog() = default;
  // Immutable, of one commit; shared with whoever else reads that commit.
  virtual std::shared_ptr<const CatalogListing> Listing() const = 0;
};

}  // namespace afluente::warehouse
