/**
 * EventBridge: buses, rules and targets, archives, replays, connections and API destinations. Events of the platform's
 * services come from `event-sources.ts`; the delivery controller invokes targets, the schedule controller runs
 * schedules. What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-eventbridge";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { apiDestinationOperations } from "./api-destinations.ts";
import { archiveOperations } from "./archives.ts";
import { busPolicyOperations } from "./bus-policies.ts";
import { busOperations } from "./buses.ts";
import { connectionOperations } from "./connections.ts";
import { CONSTRAINTS } from "./constraints.ts";
import type { EventContentStore } from "./lookups.ts";
import { REFUSED } from "./members.ts";
import { eventsPermissions } from "./permissions.ts";
import { eventOperations } from "./put-events.ts";
import { replayOperations } from "./replays.ts";
import { ruleOperations } from "./rules.ts";
import { tagOperations } from "./tags.ts";
import { targetOperations } from "./targets.ts";

export function eventBridgeService(deps: ApiDeps & { readonly logs: EventContentStore }): ServiceModule {
  const operations = {
    ...busOperations(deps),
    ...busPolicyOperations(deps),
    ...ruleOperations(deps),
    ...targetOperations(deps),
    ...eventOperations(deps),
    ...archiveOperations({ ...deps, contents: deps.logs }),
    ...replayOperations(deps),
    ...connectionOperations(deps),
    ...apiDestinationOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "ValidationException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("events", operations, eventsPermissions(deps.store)),
  };
}
