#include "schema/compare_values.h"

#include <gtest/gtest.h>

#include <cmath>

namespace afluente::schema {
namespace {

Value Text(const char* text) { return Value(std::string(text)); }

TEST(CompareValues, OrdersDecimalsAsNumbers) {
  const char* const ascending[] = {"-100.5", "-100", "-9.75", "-9.7", "-0.5", "0",
                                   "0.05",   "0.5",  "9",     "9.01", "10",   "100.5"};
  for (size_t i = 0; i < std::size(ascending); ++i) {
    for (size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(CompareValues(TypeKind::kNumeric, Text(ascending[i]), Text(ascending[j])), i <=> j)
          << ascending[i] << " " << ascending[j];
    }
  }
}

TEST(CompareValues, OrdersScalars) {
  EXPECT_TRUE(CompareValues(TypeKind::kInt64, Value(int64_t{-1}), Value(int64_t{1})) < 0);
  EXPECT_TRUE(CompareValues(TypeKind::kString, Text("10"), Text("9")) < 0);
  EXPECT_TRUE(CompareValues(TypeKind::kFloat64, Value(2.5), Value(2.5)) == 0);
  EXPECT_EQ(CompareValues(TypeKind::kFloat64, Value(std::nan("")), Value(2.5)),
            std::partial_ordering::unordered);
  EXPECT_EQ(CompareValues(TypeKind::kJson, Text("1"), Text("2")), std::partial_ordering::unordered);
}

}  // namespace
}  // namespace afluente::schema
