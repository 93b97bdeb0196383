#pragma once

#include <string>
#include <utility>

#include "telemetry/metric_names.h"
#include "telemetry/metrics.h"

namespace afluente::function {

// What a function shows of itself at /metrics.
struct FunctionInstruments {
  FunctionInstruments(telemetry::Metrics& all, std::string function)
      : metrics(all),
        name(std::move(function)),
        stored(Outcomes("stored")),
        dropped(Outcomes("dropped")),
        self_stored(Outcomes("self_stored")),
        dead_lettered(Outcomes("dead_lettered")),
        attempts_failed(metrics.GetCounter(telemetry::kFunctionAttemptsFailed,
                                           "Attempts that failed and are made again.",
                                           {{"function", name}})),
        rows(metrics.GetCounter(telemetry::kFunctionRows, "Rows stored by a function.",
                                {{"function", name}})),
        commit_seconds(metrics.GetHistogram(telemetry::kFunctionCommitSeconds,
                                            "Time of a micro-batch's commit, sync included.",
                                            {{"function", name}})) {}

  telemetry::Counter& Outcomes(const std::string& outcome) {
    return metrics.GetCounter(telemetry::kFunctionMessages, telemetry::kFunctionMessagesHelp,
                              {{"function", name}, {"outcome", outcome}});
  }

  telemetry::Metrics& metrics;
  const std::string name;
  telemetry::Counter& stored;
  telemetry::Counter& dropped;
  telemetry::Counter& self_stored;
  telemetry::Counter& dead_lettered;
  telemetry::Counter& attempts_failed;
  telemetry::Counter& rows;
  telemetry::Histogram& commit_seconds;
};

}  // namespace afluente::function
