#pragma once

#include "console/routes.h"

namespace afluente::telemetry {
class History;
}

namespace afluente::console {

// The routes of the console's pages, a function for each. What they read outlives the router.
void AddPipelineRoutes(Routes& routes);
void AddTopicRoutes(Routes& routes);
void AddWarehouseRoutes(Routes& routes);
void AddApiRoutes(Routes& routes);
void AddSystemRoutes(Routes& routes);
void AddMessageRoutes(Routes& routes);
void AddDeadLetterRoutes(Routes& routes);

}  // namespace afluente::console
