#include "warehouse/googlesql/positional.h"

#include <gtest/gtest.h>

namespace afluente::warehouse::googlesql {
namespace {

TEST(StatementTypeTest, KeywordsComeInAnyCaseAndBehindComments) {
  const std::pair<const char*, const char*> cases[] = {
      {"select 1", "SELECT"},
      {"/* {\"app\": \"x\"} */\ncreate schema if not exists a", "CREATE_SCHEMA"},
      {"create or replace table d.t as select 1 as n", "CREATE_TABLE_AS_SELECT"},
      {"create table d.t (a int64)", "CREATE_TABLE"},
      {"-- why\nmerge into d.t using d.s on false when not matched then insert row", "MERGE"},
      {"begin select 1; end", "SCRIPT"},
      {"select 1; drop table d.t", "SCRIPT"},
      {"set x = 1", "SCRIPT"},
      {"drop table d.t;", "DROP_TABLE"}};
  for (const auto& [text, type] : cases) EXPECT_EQ(StatementType(text), type) << text;
}

}  // namespace
}  // namespace afluente::warehouse::googlesql
