import { present } from "@gantry/kernel";
import type { ServiceRecord } from "../records.ts";
import { primaryOf } from "./service-deployments.ts";
import { taskSetKeyOf } from "./task-set-keys.ts";
import type { Transaction } from "../store.ts";

/** Sets the desired count of a service for every caller: UpdateService, DeleteService, auto scaling. */
export function setDesiredCount(tx: Transaction, serviceArn: string, desiredCount: number): ServiceRecord {
  const service = present(tx.get("service", serviceArn), "A service that is scaled is there.");
  if (service.spec.desiredCount === desiredCount) return service;
  const next = { ...service, spec: { ...service.spec, desiredCount } };
  tx.put("service", serviceArn, next);
  const primary = primaryOf(tx, serviceArn);
  if (primary !== undefined)
    tx.put("taskSet", taskSetKeyOf(serviceArn, primary.id), { ...primary, stability: "STABILIZING" });
  return next;
}
