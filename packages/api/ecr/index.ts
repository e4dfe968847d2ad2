/**
 * ECR: repositories, tokens, policies, and the images that the registry holds. Bytes come and go by the
 * registry's own port, or layer by layer through the operations here; both keep them in the same image store.
 * What is refused: SUPPORT.md.
 */
import * as sdk from "@aws-sdk/client-ecr";
import type { Implementation, ServiceModule } from "@gantry/wire";
import { permissionsBy } from "../common/permissions.ts";
import { refusing } from "./api-error.ts";
import { CONSTRAINTS } from "./constraints.ts";
import type { EcrDeps } from "./ecr-deps.ts";
import { imageOperations } from "./images.ts";
import { layerOperations } from "./layers.ts";
import { ecrPermissions } from "./permissions.ts";
import { inOwnRegistry } from "./own-registry.ts";
import { policyOperations } from "./policies.ts";
import { registryPolicyOperations } from "./registry-policy.ts";
import { registrySettingOperations } from "./registry-settings.ts";
import { creationTemplateOperations } from "./creation-templates.ts";
import { pullThroughOperations } from "./pull-through-rules.ts";
import { repositoryOperations } from "./repositories.ts";
import { scanningOperations } from "./scanning.ts";
import { REFUSED } from "./members.ts";

export function ecrService(deps: EcrDeps): ServiceModule {
  const operations = {
    ...repositoryOperations(deps),
    ...imageOperations(deps),
    ...layerOperations(deps),
    ...policyOperations(deps),
    ...registrySettingOperations(deps),
    ...registryPolicyOperations(deps),
    ...scanningOperations(deps),
    ...pullThroughOperations(deps),
    ...creationTemplateOperations(deps),
  } satisfies Implementation<typeof sdk>;
  return {
    sdk,
    operations: refusing(inOwnRegistry(operations), REFUSED, "InvalidParameterException"),
    constraints: CONSTRAINTS,
    validationCode: "InvalidParameterException",
    // A part has at most 20,971,520 bytes, a manifest 4,194,304 characters. Source: API_UploadLayerPart, API_PutImage.
    bodyLimits: {
      UploadLayerPart: { bytes: 28 * 1024 * 1024, values: 100 },
      PutImage: { bytes: 8 * 1024 * 1024, values: 100 },
    },
    permissions: permissionsBy("ecr", operations, ecrPermissions(deps.store)),
  };
}
