#include "schema/utf8.h"

#include "host/utf8.h"

namespace afluente::schema {

bool IsUtf8(std::string_view text) { return host::IsUtf8(text); }

}  // namespace afluente::schema
