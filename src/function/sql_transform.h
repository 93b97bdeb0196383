#pragma once

#include <memory>

#include "function/transform.h"
#include "warehouse/warehouse.h"

namespace afluente::function {

// A GoogleSQL SELECT over the micro-batch. When a batch fails it is halved until each guilty
// message stands alone, so its neighbours are stored.
class SqlTransform final : public Transform {
 public:
  explicit SqlTransform(std::unique_ptr<warehouse::BatchSql> statement)
      : statement_(std::move(statement)) {}

  std::vector<Decision> Run(std::vector<Attempt> attempts) override;

 private:
  void RunRange(std::vector<Decision>& decisions, size_t begin, size_t end);

  std::unique_ptr<warehouse::BatchSql> statement_;
};

}  // namespace afluente::function
