import { autoscalingService } from "@gantry/api/autoscaling/index";
import { ec2Service } from "@gantry/api/ec2/index";
import type { ApiDeps } from "@gantry/api/common/api-deps";
import { newVault } from "@gantry/kernel";
import { DEFAULT_OVERCOMMIT } from "@gantry/state";
import type { Handler, RequestContext } from "@gantry/wire";
import type { CallsOf } from "./control-plane.ts";
import { PLACE } from "./place.ts";

const VAULT = newVault(Buffer.alloc(32, 3));

/** Runs operations of EC2 and EC2 Auto Scaling against a store, as a caller with every permission. */
export function operationsOver({ store, clock, ids, log }: Pick<ApiDeps, "store" | "clock" | "ids" | "log">) {
  const deps = {
    store,
    clock,
    ids,
    log,
    vault: VAULT,
    allowHostAccess: false,
    overcommit: DEFAULT_OVERCOMMIT,
  };
  const services = {
    ec2: ec2Service({ ...deps, publicPool: "198.18.9.0/24" }),
    autoscaling: autoscalingService(deps),
  };
  const context = {
    ...{ ...PLACE, requestId: "request", endpoint: "", method: "POST", sourceAddress: "" },
    ...{ principal: { arn: `arn:aws:iam::${PLACE.account}:root` }, authorize: () => {} },
  } as unknown as RequestContext; // Operations of these services use no more.
  return async (
    service: keyof typeof services,
    operation: string,
    input: Record<string, unknown>,
  ): Promise<object> => {
    const run = services[service].operations[operation] as Handler | undefined; // An operation is called so.
    if (run === undefined) throw new Error(`${service} has no operation ${operation}.`);
    return (await run(input, context)) as object; // It returns a structure.
  };
}

/** What the control plane's loops call: EC2 alone. */
export const groupCalls: CallsOf = (deps) => {
  const run = operationsOver(deps);
  return ({ operation, input }) => run("ec2", operation, input);
};
