import type { VpcAssignment } from "@gantry/agent-protocol";
import type { Zones } from "@gantry/kernel/dns/zones";
import type { AssignmentProblems } from "../assignment-problems.ts";
import { isVpcInUse, podsOf } from "../interface-users.ts";
import { VpcRouters, type FirewallState, type Router } from "../network/vpc-router.ts";
import type { AssignmentHandler, HandlerDeps } from "./assignment-handler.ts";

/** Handles VPCs: a router with its firewall, and the services of the node inside the VPC. */
export class VpcHandler implements AssignmentHandler<VpcAssignment> {
  readonly routers: VpcRouters;
  readonly #deps: HandlerDeps;
  readonly #problems: AssignmentProblems;
  readonly #zones: Zones;
  readonly #endpoints = new Map<string, { pid: number; close: () => void }>();
  readonly #reported = new Map<string, string>();

  /** `beforeRules` is called before the rules of a VPC are replaced. */
  constructor(
    deps: HandlerDeps,
    problems: AssignmentProblems,
    { beforeRules, zones }: { beforeRules: (vpcId: string) => Promise<void>; zones: Zones },
  ) {
    this.#zones = zones;
    const { engine, programs, naming, log } = deps;
    this.#deps = deps;
    this.#problems = problems;
    const report = (state: FirewallState): void => this.#report(state);
    const joined = (vpcId: string): void => deps.enqueue(`vpc/${vpcId}`);
    this.routers = new VpcRouters({ engine, programs, naming, log, report, beforeRules, joined });
  }

  async reconcile(vpc: VpcAssignment): Promise<number | undefined> {
    const refused = this.#problems.refusalOf(vpc.key);
    // The rules in effect are older than the refused ones: they may allow traffic that has been revoked.
    if (refused !== undefined) return this.routers.refuse(vpc.vpcId, refused);
    const before = this.routers.find(vpc.vpcId)?.pid;
    const router = await this.routers.ensure(vpc, this.#problems.leftOutOf(vpc.key));
    this.#serve(vpc, router);
    if (before !== router.pid) {
      // A new network namespace has no veth pairs: every user of this VPC must be joined again.
      for (const assignment of this.#deps.cache.wanted.values())
        if (assignment.kind !== "vpc") this.#deps.enqueue(assignment.key);
    }
    return undefined;
  }

  async remove({ vpcId }: VpcAssignment): Promise<void> {
    if (isVpcInUse(this.#deps.cache, vpcId))
      throw new Error(`The VPC ${vpcId} still has interfaces on this node.`);
    this.#endpoints.get(vpcId)?.close();
    this.#endpoints.delete(vpcId);
    await this.routers.remove(vpcId);
  }

  /** Whether an assigned VPC has no router yet that is known to this process. */
  isMissingRouter(): boolean {
    return [...this.#deps.cache.wanted.values()].some(
      (assignment) => assignment.kind === "vpc" && this.routers.find(assignment.vpcId) === undefined,
    );
  }

  reportAgain(): void {
    this.#reported.clear();
  }

  close(): void {
    for (const endpoints of this.#endpoints.values()) endpoints.close();
  }

  /**
   * Serves the resolver, the task endpoints and the route to the AWS services, at the VPC's own address of
   * the host.
   */
  #serve(vpc: VpcAssignment, router: Router): void {
    const known = this.#endpoints.get(vpc.vpcId);
    if (known?.pid === router.pid) return;
    known?.close();
    const { cache, host } = this.#deps;
    const served = host.serve({
      vpc: () => {
        const current = cache.wanted.get(`vpc/${vpc.vpcId}`);
        return current?.kind === "vpc" ? current : vpc;
      },
      // A task sees only the tasks of its own VPC.
      pods: () => podsOf(cache.wanted).filter((pod) => pod.interface.vpcId === vpc.vpcId),
      router,
      settings: () => cache.settings,
      zones: this.#zones,
      restartsOf: (id) => cache.restarts.get(id) ?? 0,
    });
    this.#endpoints.set(vpc.vpcId, { pid: router.pid, close: () => served.close() });
  }

  #report(state: FirewallState): void {
    const text = JSON.stringify(state);
    if (this.#reported.get(state.vpcId) === text) return;
    if (this.#deps.report({ type: "firewall", ...state })) this.#reported.set(state.vpcId, text);
  }
}
