/**
 * Cloud Map: namespaces, services and their instances. A DNS namespace has a hosted zone of Route 53, whose record
 * sets follow the instances; the discovery controller registers the tasks of ECS services. What is refused:
 * SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-servicediscovery";
import type { Implementation, ServiceModule } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { attributeOperations } from "./attributes.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { discoverOperations } from "./discover.ts";
import { healthOperations } from "./health.ts";
import { instanceOperations } from "./instances.ts";
import { REFUSED } from "./members.ts";
import { namespaceOperations } from "./namespaces.ts";
import { operationOperations } from "./operations.ts";
import { discoveryPermissions } from "./permissions.ts";
import { serviceOperations } from "./services.ts";
import { tagOperations } from "./tags.ts";
import { namespaceUpdates } from "./update-namespaces.ts";

export function serviceDiscoveryService(deps: ApiDeps): ServiceModule {
  const operations = {
    ...namespaceOperations(deps),
    ...namespaceUpdates(deps),
    ...serviceOperations(deps),
    ...attributeOperations(deps),
    ...instanceOperations(deps),
    ...healthOperations(deps),
    ...discoverOperations(deps),
    ...operationOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidInput"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidInput",
    permissions: permissionsBy("servicediscovery", operations, discoveryPermissions(deps.store)),
  };
}
