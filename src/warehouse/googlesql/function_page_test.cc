#include "warehouse/googlesql/function_page.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace afluente::warehouse::googlesql {
namespace {

TEST(FunctionPage, IsWhatTheTableSays) {
  if (std::getenv("AFLUENTE_WRITE_DOCS") != nullptr) {
    std::ofstream(GOOGLESQL_FUNCTIONS_PAGE) << FunctionPage();
  }
  std::ifstream file(GOOGLESQL_FUNCTIONS_PAGE);
  std::stringstream kept;
  kept << file.rdbuf();
  EXPECT_EQ(kept.str(), FunctionPage())
      << "the page is out of date: run this test with AFLUENTE_WRITE_DOCS=1";
}

}  // namespace
}  // namespace afluente::warehouse::googlesql
