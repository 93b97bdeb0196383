#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace afluente::identity {

using FormFields = std::vector<std::pair<std::string, std::string>>;

// application/x-www-form-urlencoded, both ways. Parsing gives nullopt for what is malformed.
std::optional<FormFields> ParseForm(std::string_view text);
std::string EncodeForm(const FormFields& fields);

// The value of a field that occurs exactly once; "" else.
std::string OnlyField(const FormFields& fields, std::string_view name);

// The value of a cookie that occurs exactly once in a Cookie field; "" else, so that a second one,
// tossed in by another host, hides both.
std::string OnlyCookie(std::string_view cookies, std::string_view name);
// The Cookie field without the cookies whose names begin with `prefix`.
std::string WithoutCookies(std::string_view cookies, std::string_view prefix);

std::string HtmlText(std::string_view text);

}  // namespace afluente::identity
