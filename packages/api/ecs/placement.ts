import type * as ecs from "@aws-sdk/client-ecs";
import { present } from "@gantry/kernel";
import type { PlacementSpec } from "@gantry/state";
import { invalidParameter } from "./lookups.ts";

/** Source: API_CreateService, placementConstraints and placementStrategy. */
const CONSTRAINTS_MAX = 10;
const STRATEGIES_MAX = 5;

/**
 * Placement as a service keeps it; nothing where neither member is given. Strategies choose among container
 * instances: one node satisfies each of them.
 * Source: Amazon ECS Developer Guide, "Task placement". Errors: InvalidParameterException.
 */
export function toPlacement(
  input: {
    readonly placementConstraints?: readonly ecs.PlacementConstraint[] | undefined;
    readonly placementStrategy?: readonly ecs.PlacementStrategy[] | undefined;
  },
  launchType: "FARGATE" | "EC2",
): { readonly placementRules?: PlacementSpec } {
  const { placementConstraints: constraints, placementStrategy: strategies } = input;
  if (constraints === undefined && strategies === undefined) return {};
  if (launchType === "FARGATE" && (strategies ?? []).length > 0)
    throw invalidParameter("Placement strategies are not supported with FARGATE launch type.");
  if (launchType === "FARGATE" && (constraints ?? []).length > 0)
    throw invalidParameter("Placement constraints are not supported with FARGATE launch type.");
  if ((constraints ?? []).length > CONSTRAINTS_MAX || (strategies ?? []).length > STRATEGIES_MAX)
    throw invalidParameter(
      `At most ${CONSTRAINTS_MAX} placement constraints and ${STRATEGIES_MAX} placement strategies are allowed.`,
    );
  const distinct = (constraints ?? []).filter(({ type }) => type === "distinctInstance");
  if (distinct.some(({ expression }) => expression !== undefined))
    throw invalidParameter("You cannot specify an expression where the constraint type is distinctInstance.");
  const memberOf = (constraints ?? [])
    .filter(({ type }) => type !== "distinctInstance")
    .map((constraint) => clusterQueries().toQuery(constraint, invalidParameter));
  return {
    placementRules: {
      distinctInstance: distinct.length > 0,
      ...(memberOf.length === 0 ? {} : { memberOf }),
      strategies: (strategies ?? []).map(({ type, field }) => ({ type: type ?? "random", field })),
    },
  };
}

export function presentPlacement(
  placement: PlacementSpec | undefined,
): Pick<ecs.Service, "placementConstraints" | "placementStrategy"> {
  return {
    placementConstraints: [
      ...(placement?.distinctInstance === true ? [{ type: "distinctInstance" as const }] : []),
      ...presentQueries(placement?.memberOf),
    ],
    placementStrategy: (placement?.strategies ?? []).map((strategy) => ({ ...strategy })),
  };
}

export function presentQueries(
  queries: readonly string[] = [],
): { readonly type: "memberOf"; readonly expression: string }[] {
  return queries.map((expression) => ({ type: "memberOf", expression }));
}

type ClusterQueries = typeof import("./member-of.ts");

let loaded: ClusterQueries | undefined;

/**
 * Loads the language of queries in placement constraints, for the operations that may read them: the first answer does
 * not wait for it.
 */
export async function loadClusterQueries(): Promise<void> {
  loaded ??= await import("./member-of.ts");
}

/** The query language, once it is loaded. */
export function clusterQueries(): ClusterQueries {
  return present(loaded, "The operation has loaded the query language.");
}
