#pragma once

namespace afluente::http {

// What a caller may do on the doors besides the API. An operator may all that a viewer may; an
// admin may everything.
enum class Role { kViewer, kOperator, kPublisher, kAdmin };

}  // namespace afluente::http
