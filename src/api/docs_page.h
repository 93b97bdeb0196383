#pragma once

#include <string_view>

namespace afluente::api {

// The page at /docs and what it loads, each from the API itself: it draws openapi.json, whatever
// the path prefix, and fetches nothing from outside.
extern const std::string_view kDocsHtml;
extern const std::string_view kDocsForm;
extern const std::string_view kDocsScript;
extern const std::string_view kDocsStyle;

}  // namespace afluente::api
