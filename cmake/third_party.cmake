# Third-party libraries: Debian's packages, and what tools/bootstrap fetched into its cache.
file(STRINGS ${CMAKE_SOURCE_DIR}/tools/versions version_lines REGEX "^[A-Z0-9_]+=")
foreach(line ${version_lines})
  string(REGEX MATCH "^([A-Z0-9_]+)=(.*)$" matched "${line}")
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()
if(DEFINED ENV{AFLUENTE_CACHE})
  set(CACHE_DIR $ENV{AFLUENTE_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(CACHE_DIR $ENV{XDG_CACHE_HOME}/afluente)
else()
  set(CACHE_DIR $ENV{HOME}/.cache/afluente)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(Protobuf REQUIRED)

# static_packages(TARGET pkg-config-names...): links the packages' static archives.
function(static_packages target)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --static --libs ${ARGN}
    OUTPUT_VARIABLE libs OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(libs UNIX_COMMAND "${libs}")
  list(REMOVE_ITEM libs -ldl -lpthread -lm -lrt -pthread)
  list(REMOVE_DUPLICATES libs)
  string(REPLACE ";" " " libs "${libs}")
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE
    "-Wl,-Bstatic -Wl,--start-group ${libs} -Wl,--end-group -Wl,-Bdynamic" dl m Threads::Threads)
endfunction()

static_packages(third_party_absl absl_status absl_statusor absl_strings absl_str_format
  absl_synchronization absl_flat_hash_map absl_flat_hash_set absl_btree absl_cord absl_time
  absl_any_invocable absl_span absl_int128 absl_failure_signal_handler)
static_packages(third_party_protobuf protobuf)
if(NOT AFLUENTE_PURE_ONLY)
  static_packages(third_party_grpc grpc++ protobuf)
endif()
static_packages(third_party_openssl openssl)
static_packages(third_party_jose cjose jansson libcrypto)
static_packages(third_party_compression libzstd liblz4 zlib)
static_packages(third_party_yaml yaml-cpp)
static_packages(third_party_re2 re2)

# Header-only: Boost (Beast, Asio), nlohmann/json, CLI11 come from the system include path.
find_library(BOOST_URL libboost_url.a REQUIRED)
find_library(FARMHASH libfarmhash.a REQUIRED)

set(SIMDJSON_DIR ${CACHE_DIR}/pysimdjson-7.0.2/simdjson)
add_library(third_party_simdjson STATIC ${SIMDJSON_DIR}/simdjson.cpp)
target_include_directories(third_party_simdjson SYSTEM PUBLIC ${SIMDJSON_DIR})
target_compile_options(third_party_simdjson PRIVATE -w -O2)

set(QUICKJS_DIR ${CACHE_DIR}/rquickjs-sys-${RQUICKJS_SYS}/quickjs)
set(quickjs_sources "")
foreach(source quickjs libunicode libregexp dtoa)
  add_custom_command(OUTPUT quickjs/${source}.c
    COMMAND sed -f ${CMAKE_SOURCE_DIR}/cmake/quickjs.sed ${QUICKJS_DIR}/${source}.c > quickjs/${source}.c
    DEPENDS ${QUICKJS_DIR}/${source}.c ${CMAKE_SOURCE_DIR}/cmake/quickjs.sed VERBATIM)
  list(APPEND quickjs_sources ${CMAKE_CURRENT_BINARY_DIR}/quickjs/${source}.c)
endforeach()
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/quickjs)
add_library(third_party_quickjs STATIC ${quickjs_sources})
target_include_directories(third_party_quickjs SYSTEM PUBLIC ${QUICKJS_DIR})
target_compile_definitions(third_party_quickjs PRIVATE _GNU_SOURCE NDEBUG)
# The frames of the sanitizers would not fit the stack that scripts get.
target_compile_options(third_party_quickjs PRIVATE -w -O2 -fno-sanitize=all)

# Arrow's IPC format in C: the library, its IPC part and the flatbuffers runtime that it uses.
set(NANOARROW_DIR ${CACHE_DIR}/nanoarrow-0.9.0/subprojects/arrow-nanoarrow/src)
file(GLOB FLATCC_DIR ${CACHE_DIR}/nanoarrow-0.9.0/subprojects/flatcc-*)
if(NOT FLATCC_DIR)
  message(FATAL_ERROR "nanoarrow is missing: run tools/bootstrap first")
endif()
set(NANOARROW_VERSION_MAJOR 0)
set(NANOARROW_VERSION_MINOR 9)
set(NANOARROW_VERSION_PATCH 0)
set(NANOARROW_VERSION 0.9.0)
set(NANOARROW_NAMESPACE_DEFINE "")
configure_file(${NANOARROW_DIR}/nanoarrow/nanoarrow_config.h.in
  ${CMAKE_BINARY_DIR}/nanoarrow/nanoarrow/nanoarrow_config.h)
file(GLOB nanoarrow_sources ${NANOARROW_DIR}/nanoarrow/common/*.c ${NANOARROW_DIR}/nanoarrow/ipc/*.c)
add_library(third_party_nanoarrow STATIC ${nanoarrow_sources} ${FLATCC_DIR}/src/runtime/builder.c
  ${FLATCC_DIR}/src/runtime/emitter.c ${FLATCC_DIR}/src/runtime/refmap.c
  ${FLATCC_DIR}/src/runtime/verifier.c)
target_include_directories(third_party_nanoarrow SYSTEM PUBLIC ${NANOARROW_DIR}
  ${CMAKE_BINARY_DIR}/nanoarrow ${CMAKE_BINARY_DIR}/nanoarrow/nanoarrow)
target_include_directories(third_party_nanoarrow PRIVATE ${FLATCC_DIR}/include)
target_compile_options(third_party_nanoarrow PRIVATE -w -O2)

if(NOT AFLUENTE_PURE_ONLY)
  set(DUCKDB_DIR ${CACHE_DIR}/duckdb-${DUCKDB_BINDINGS})
  if(NOT EXISTS ${DUCKDB_DIR}/duckdb.h)
    message(FATAL_ERROR "DuckDB is missing: run tools/bootstrap first")
  endif()
  add_library(third_party_duckdb INTERFACE)
  target_include_directories(third_party_duckdb SYSTEM INTERFACE ${DUCKDB_DIR})
  target_compile_definitions(third_party_duckdb INTERFACE DUCKDB_STATIC_BUILD)
  set(duckdb_libs "")
  foreach(name duckdb_static duckdb_generated_extension_loader autocomplete_extension
      core_functions_extension icu_extension json_extension parquet_extension tpcds_extension
      tpch_extension duckdb_fastpforlib duckdb_fmt duckdb_fsst duckdb_hyperloglog duckdb_mbedtls
      duckdb_miniz duckdb_pg_query duckdb_re2 duckdb_skiplistlib duckdb_utf8proc duckdb_yyjson
      duckdb_zstd)
    string(APPEND duckdb_libs " ${DUCKDB_DIR}/lib${name}.a")
  endforeach()
  target_link_libraries(third_party_duckdb INTERFACE
    "-Wl,--start-group${duckdb_libs} -Wl,--end-group" dl m Threads::Threads)

  include(cmake/protos.cmake)
endif()
