#pragma once

#include "warehouse/googlesql/function_table.h"

namespace afluente::warehouse::googlesql {

// FORMAT: the pieces of a literal format, joined.
Emitted EmitFormat(CallContext& context);

}  // namespace afluente::warehouse::googlesql
