#pragma once

#include <duckdb.h>

#include <string>
#include <utility>

namespace afluente::warehouse::duckdb {

// Owns one of the DuckDB C API's handles. Move-only; no locking of its own.
template <typename T, void (*kDestroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T handle) : handle_(handle) {}
  ~Handle() { Reset(); }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      Reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }

  T get() const { return handle_; }
  // For C functions that fill a handle in.
  T* out() {
    Reset();
    return &handle_;
  }
  void Reset() {
    if (handle_ != nullptr) {
      kDestroy(&handle_);
      handle_ = nullptr;
    }
  }

 private:
  T handle_ = nullptr;
};

inline void DestroyAppender(duckdb_appender* appender) { duckdb_appender_destroy(appender); }

using DatabaseHandle = Handle<duckdb_database, duckdb_close>;
using ConnectionHandle = Handle<duckdb_connection, duckdb_disconnect>;
using ConfigHandle = Handle<duckdb_config, duckdb_destroy_config>;
using PreparedHandle = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using PendingHandle = Handle<duckdb_pending_result, duckdb_destroy_pending>;
using ChunkHandle = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using ValueHandle = Handle<duckdb_value, duckdb_destroy_value>;
using LogicalTypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using AppenderHandle = Handle<duckdb_appender, DestroyAppender>;
using ScalarFunctionHandle = Handle<duckdb_scalar_function, duckdb_destroy_scalar_function>;

// Owns a result. Move-only.
class ResultHandle {
 public:
  ResultHandle() = default;
  ~ResultHandle() { duckdb_destroy_result(&result_); }
  ResultHandle(ResultHandle&& other) noexcept
      : result_(std::exchange(other.result_, duckdb_result{})) {}
  ResultHandle& operator=(ResultHandle&& other) noexcept {
    if (this != &other) {
      duckdb_destroy_result(&result_);
      result_ = std::exchange(other.result_, duckdb_result{});
    }
    return *this;
  }
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_{};
};

// A string of the C API that the caller must free.
inline std::string TakeString(char* text) {
  if (text == nullptr) return {};
  std::string copy(text);
  duckdb_free(text);
  return copy;
}

// A double-quoted SQL identifier.
inline std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace afluente::warehouse::duckdb
