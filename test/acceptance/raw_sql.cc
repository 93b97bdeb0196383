// Runs SQL statements on a DuckDB file behind Afluente's back, as damage would happen. A test's
// program. Usage: raw_sql FILE STATEMENT...; the first error ends it with exit code 1.
#include <cstdio>

#include "duckdb.h"

int main(int argc, char** argv) {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  if (argc < 3 || duckdb_open(argv[1], &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess) {
    std::fprintf(stderr, "raw_sql: cannot open %s\n", argc < 2 ? "nothing" : argv[1]);
    return 1;
  }
  int code = 0;
  for (int i = 2; i < argc && code == 0; ++i) {
    duckdb_result result;
    if (duckdb_query(connection, argv[i], &result) != DuckDBSuccess) {
      std::fprintf(stderr, "raw_sql: %s\n", duckdb_result_error(&result));
      code = 1;
    } else {
      std::printf("%llu\n", static_cast<unsigned long long>(duckdb_rows_changed(&result)));
    }
    duckdb_destroy_result(&result);
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return code;
}
