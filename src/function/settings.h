#pragma once

#include <cstddef>
#include <string>

#include "event/filter.h"
#include "function/waiting_set.h"
#include "warehouse/table.h"

namespace afluente::telemetry {
class Tracer;
}

namespace afluente::function {

struct Settings {
  std::string name;
  std::string previous_name;  // empty = it was always called so
  std::string topic;          // projects/P/topics/T
  std::string filter_text;
  event::Filter filter;
  warehouse::TableName table;  // without a table name: the function stores for itself
  warehouse::TableName dead_letter_table;
  std::string dead_letter_topic;  // empty = the table alone
  RetryPolicy retry;
  bool enable_message_ordering = false;
  bool start_latest = false;
  telemetry::Tracer* tracer = nullptr;  // outlives the function; nullptr: no traces
  size_t batch_messages_max = 8192;
  size_t batch_bytes_max = 8 << 20;
};

}  // namespace afluente::function
