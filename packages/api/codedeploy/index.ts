/**
 * CodeDeploy for ECS: applications, deployment groups, configurations and deployments are records, which the
 * code-deploy controller carries out. What is refused or not there yet: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-codedeploy";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { applicationOperations } from "./applications.ts";
import { CONSTRAINTS } from "./constraints.ts";
import { deploymentConfigOperations } from "./deployment-configs.ts";
import { deploymentGroupOperations } from "./deployment-groups.ts";
import { deploymentOperations } from "./deployments.ts";
import { deploymentTargetOperations } from "./deployment-targets.ts";
import { REFUSED } from "./members.ts";
import { codeDeployPermissions } from "./permissions.ts";
import { revisionOperations, type CodeDeployDeps } from "./revisions.ts";
import { tagOperations } from "./tags.ts";

export function codeDeployService(deps: CodeDeployDeps): ServiceModule {
  const operations = {
    ...applicationOperations(deps),
    ...deploymentGroupOperations(deps),
    ...deploymentConfigOperations(deps),
    ...deploymentOperations(deps),
    ...deploymentTargetOperations(deps),
    ...revisionOperations(deps),
    ...tagOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(operations, REFUSED, "InvalidInputException"),
    constraints: CONSTRAINTS,
    permissions: permissionsBy("codedeploy", operations, codeDeployPermissions(deps.store)),
  };
}
