#include "http/router.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/check.h"
#include "http/problem.h"
#include "http/target.h"

namespace afluente::http {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Literal text, or a parameter's name.
struct Part {
  bool parameter = false;
  std::string text;
  friend bool operator==(const Part&, const Part&) = default;
};

// Never two parameters side by side.
using Segment = std::vector<Part>;

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

using Captures = std::vector<std::pair<std::string_view, std::string_view>>;

// Leftmost places for the inner literals, the last literal at the end: with parameters never empty
// this finds a match whenever there is one.
bool MatchSegment(const Segment& segment, std::string_view text, Captures& captures) {
  for (size_t i = 0; i < segment.size(); ++i) {
    const Part& part = segment[i];
    const bool last = i + 1 == segment.size();
    if (!part.parameter) {
      if (!text.starts_with(part.text)) return false;
      text.remove_prefix(part.text.size());
      continue;
    }
    size_t end = text.size();
    if (!last) {
      const std::string& literal = segment[i + 1].text;
      const bool at_end = i + 2 == segment.size();
      if (text.size() <= literal.size()) return false;
      if (at_end && !text.ends_with(literal)) return false;
      end = at_end ? text.size() - literal.size() : text.find(literal, 1);
      if (end == std::string_view::npos) return false;
    }
    if (end == 0) return false;
    captures.emplace_back(part.text, text.substr(0, end));
    text.remove_prefix(end);
  }
  return text.empty();
}

absl::StatusOr<Segment> ParseSegment(std::string_view text, std::set<std::string>& names) {
  Segment segment;
  while (!text.empty()) {
    const size_t open = text.find('{');
    if (open != 0) {
      const std::string_view literal = text.substr(0, open);
      if (literal.find('}') != std::string_view::npos) {
        return absl::InvalidArgumentError("'}' without '{'");
      }
      segment.push_back({false, std::string(literal)});
      text.remove_prefix(literal.size());
      continue;
    }
    const size_t close = text.find('}');
    if (close == std::string_view::npos) return absl::InvalidArgumentError("'{' without '}'");
    std::string name(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    if (name.empty() || name.find_first_of("{=*") != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("'{", name, "}' is not a parameter"));
    }
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat("{", name, "} occurs twice"));
    }
    if (!segment.empty() && segment.back().parameter) {
      return absl::InvalidArgumentError(
          absl::StrCat("{", name, "} needs literal text between it and the one before"));
    }
    segment.push_back({true, std::move(name)});
  }
  return segment;
}

// Smaller is more specific: literal text before a part of a segment before a whole segment.
std::pair<int, int> Rank(const Segment& segment) {
  int literal_bytes = 0;
  bool parameters = false;
  for (const Part& part : segment) {
    parameters = parameters || part.parameter;
    if (!part.parameter) literal_bytes += static_cast<int>(part.text.size());
  }
  if (!parameters) return {0, 0};
  return {literal_bytes > 0 ? 1 : 2, -literal_bytes};
}

}  // namespace

struct Router::Route {
  std::string method;
  std::string pattern;
  RouteHandler handler;
  std::vector<Segment> segments;
  // {rest_name=**} and the literal text after it.
  bool has_rest = false;
  std::string rest_name;
  std::string rest_suffix;

  absl::Status Parse();
  bool Match(std::string_view path, const std::vector<std::string_view>& texts,
             Captures& captures) const;
  bool Before(const Route& other) const;
  bool SameShape(const Route& other) const;
};

absl::Status Router::Route::Parse() {
  if (pattern.empty() || pattern.front() != '/') {
    return absl::InvalidArgumentError("it must begin with '/'");
  }
  std::string_view fixed = pattern;
  std::set<std::string> names;
  const size_t rest = pattern.find("=**}");
  if (rest != std::string::npos) {
    const size_t open = pattern.rfind('{', rest);
    if (open == std::string::npos || pattern[open - 1] != '/' || open + 1 == rest) {
      return absl::InvalidArgumentError("{name=**} must be the start of the last segment");
    }
    rest_suffix = pattern.substr(rest + 4);
    if (rest_suffix.find_first_of("/{}") != std::string::npos) {
      return absl::InvalidArgumentError("only literal text may follow {name=**}");
    }
    has_rest = true;
    rest_name = pattern.substr(open + 1, rest - open - 1);
    names.insert(rest_name);
    fixed = fixed.substr(0, open - 1);
    if (fixed.empty()) return absl::OkStatus();
  }
  for (const std::string_view text : SplitPath(fixed)) {
    AFLUENTE_ASSIGN_OR_RETURN(Segment segment, ParseSegment(text, names));
    segments.push_back(std::move(segment));
  }
  return absl::OkStatus();
}

bool Router::Route::Match(std::string_view path, const std::vector<std::string_view>& texts,
                          Captures& captures) const {
  if (has_rest ? texts.size() <= segments.size() : texts.size() != segments.size()) return false;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!MatchSegment(segments[i], texts[i], captures)) return false;
  }
  if (!has_rest) return true;
  std::string_view rest =
      path.substr(static_cast<size_t>(texts[segments.size()].data() - path.data()));
  if (!rest.ends_with(rest_suffix) || rest.size() == rest_suffix.size()) return false;
  rest.remove_suffix(rest_suffix.size());
  captures.emplace_back(rest_name, rest);
  return true;
}

bool Router::Route::Before(const Route& other) const {
  const size_t shared = std::min(segments.size(), other.segments.size());
  for (size_t i = 0; i < shared; ++i) {
    const auto mine = Rank(segments[i]);
    const auto theirs = Rank(other.segments[i]);
    if (mine != theirs) return mine < theirs;
  }
  if (has_rest != other.has_rest) return other.has_rest;
  if (segments.size() != other.segments.size()) return segments.size() > other.segments.size();
  return rest_suffix.size() > other.rest_suffix.size();
}

bool Router::Route::SameShape(const Route& other) const {
  if (method != other.method || has_rest != other.has_rest || rest_suffix != other.rest_suffix ||
      segments.size() != other.segments.size()) {
    return false;
  }
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& a = segments[i];
    const Segment& b = other.segments[i];
    const auto same = [](const Part& x, const Part& y) {
      return x.parameter == y.parameter && (x.parameter || x.text == y.text);
    };
    if (!std::equal(a.begin(), a.end(), b.begin(), b.end(), same)) return false;
  }
  return true;
}

absl::Status Router::Add(std::string method, std::string pattern, RouteHandler handler) {
  auto route = std::make_shared<Route>();
  route->method = std::move(method);
  route->pattern = std::move(pattern);
  route->handler = std::move(handler);
  const absl::Status parsed = route->Parse();
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("path pattern '", route->pattern, "': ", parsed.message()));
  }
  for (const auto& other : routes_) {
    if (!route->SameShape(*other)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("path pattern '", route->pattern, "' is hidden by '", other->pattern, "'"));
  }
  const auto place = std::upper_bound(routes_.begin(), routes_.end(), route,
                                      [](const auto& a, const auto& b) { return a->Before(*b); });
  routes_.insert(place, std::move(route));
  return absl::OkStatus();
}

void Router::Handle(Request request, Responder responder) const {
  const std::string path = request.path;
  if (path.empty() || path.front() != '/') {
    return Refuse(Problem(404, "Not Found", "there is nothing at this path"), responder);
  }
  const std::vector<std::string_view> texts = SplitPath(path);
  std::set<std::string> allowed;
  for (const auto& route : routes_) {
    Captures captures;
    if (!route->Match(path, texts, captures)) continue;
    const bool head = request.method == "HEAD" && route->method == "GET";
    if (route->method != request.method && !head) {
      allowed.insert(route->method);
      if (route->method == "GET") allowed.insert("HEAD");
      continue;
    }
    PathParameters parameters;
    for (const auto& [name, encoded] : captures) {
      auto value = DecodeText(encoded, false, absl::StrCat("path parameter '", View(name), "'"));
      if (!value.ok()) return Refuse(Problem(value.status()), responder);
      parameters.emplace(std::string(name), *std::move(value));
    }
    return route->handler(std::move(request), std::move(parameters), std::move(responder));
  }
  if (allowed.empty()) {
    return Refuse(Problem(404, "Not Found", "there is nothing at this path"), responder);
  }
  Response response =
      Problem(405, "Method Not Allowed", absl::StrCat("allowed: ", absl::StrJoin(allowed, ", ")));
  response.headers.Add("Allow", absl::StrJoin(allowed, ", "));
  Refuse(std::move(response), responder);
}

std::string Router::PatternOf(const Request& request) const {
  if (request.path.empty() || request.path.front() != '/') return "";
  const std::vector<std::string_view> texts = SplitPath(request.path);
  std::string_view method = request.method;
  if (method == "HEAD") method = "GET";
  for (const auto& route : routes_) {
    Captures captures;
    if (route->method == method && route->Match(request.path, texts, captures)) {
      return route->pattern;
    }
  }
  return "";
}

void Router::Refuse(Response response, Responder& responder) const {
  if (count_refusal_ != nullptr) count_refusal_(response.status);
  responder(std::move(response));
}

}  // namespace afluente::http
