#include "telemetry/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

#include "telemetry/json_string.h"
#include "telemetry/recent_logs.h"

namespace afluente::telemetry {
namespace {

enum class Form { kByTerminal, kJson, kText };

std::atomic<Form> form{Form::kByTerminal};
std::atomic<Severity> minimum{Severity::kInfo};

bool Json() {
  const Form chosen = form.load(std::memory_order_relaxed);
  if (chosen != Form::kByTerminal) return chosen == Form::kJson;
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  return !terminal;
}

// RFC 3339 in UTC with microseconds.
std::string Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(micros % 1'000'000));
  return text;
}

// Cloud Logging's LogSeverity.
const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DEBUG";
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "DEFAULT";
}

std::string JsonLine(Severity severity, std::string_view message, const LogFields& fields) {
  std::string line = "{\"severity\":\"";
  line += Name(severity);
  line += "\",\"time\":\"" + Now() + "\",\"message\":";
  AppendJsonString(line, message);
  for (const auto& [name, value] : fields) {
    line += ',';
    AppendJsonString(line, name);
    line += ':';
    AppendJsonString(line, value);
  }
  line += "}\n";
  return line;
}

// Control characters would let a logged value forge lines or drive the terminal.
void AppendPlain(std::string& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
}

std::string TextLine(Severity severity, std::string_view message, const LogFields& fields) {
  std::string line = Now().substr(11, 12) + " ";
  line += Name(severity);
  line += ' ';
  AppendPlain(line, message);
  for (const auto& [name, value] : fields) {
    line += "  ";
    line += name;
    line += '=';
    AppendPlain(line, value);
  }
  line += '\n';
  return line;
}

}  // namespace

void Log(Severity severity, std::string_view message, const LogFields& fields) {
  if (severity < minimum.load(std::memory_order_relaxed)) return;
  const bool json = Json();
  std::string as_json = JsonLine(severity, message, fields);
  const std::string line = json ? as_json : TextLine(severity, message, fields);
  ProcessLogs().Add(std::move(as_json));
  // One write a line: lines of several threads do not mix.
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = write(STDERR_FILENO, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += static_cast<size_t>(n);
  }
}

void SetJsonLogs(bool json) { form = json ? Form::kJson : Form::kText; }
void SetMinimumSeverity(Severity severity) { minimum = severity; }

}  // namespace afluente::telemetry
