#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afluente::telemetry {

enum class Severity { kDebug, kInfo, kWarning, kError };

using LogFields = std::vector<std::pair<std::string_view, std::string>>;

// Writes one line to stderr: JSON (Cloud Logging's `severity`, `message`, `time` and the fields)
// where stderr is not a terminal or SetJsonLogs(true) was called, readable text elsewhere.
// Thread-safe.
void Log(Severity severity, std::string_view message, const LogFields& fields = {});
void SetJsonLogs(bool json);
void SetMinimumSeverity(Severity severity);

}  // namespace afluente::telemetry
