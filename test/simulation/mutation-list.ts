import type { Mutation } from "./mutation.ts";

const SERVICE = "packages/controllers/service/plan-rolling.ts";
const STAGES = "packages/controllers/service/plan-blue-green.ts";
const CODE_DEPLOY = "packages/controllers/code-deploy/plan-code-deploy.ts";
const CODE_DEPLOYMENTS = "packages/state/transactions/code-deployments.ts";
const AGENT = "packages/agent/agent.ts";
const SCHEDULER = "packages/controllers/scheduler/scheduler-controller.ts";
const ASSIGNMENTS = "packages/controllers/node/assignments-for.ts";

export const MUTATIONS: readonly Mutation[] = [
  {
    bug: "tasks are started beyond the maximum",
    file: SERVICE,
    from: "Math.min(desiredCount - (own.length - unhealthy.length), maximum - active.length)",
    to: "desiredCount - (own.length - unhealthy.length)",
  },
  {
    bug: "old tasks are stopped below the minimum",
    file: SERVICE,
    from: "if (healthy ? spare <= 0 : mayServe && spare < 0) continue;",
    to: "",
  },
  {
    bug: "old tasks whose health is not known yet are stopped at once",
    file: SERVICE,
    from: "if (healthy ? spare <= 0 : mayServe && spare < 0) continue;",
    to: "if (healthy && spare <= 0) continue;",
  },
  {
    bug: "a deployment is completed while old tasks are still stopping",
    file: SERVICE,
    from: "const bake = settled && primary",
    to: "const bake = budget.own.length > 0 && primary",
  },
  {
    bug: "the status of an observation is recorded even where it moves backwards",
    file: "packages/controllers/task/fold-observation.ts",
    from: "return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;",
    to: "return b;",
  },
  {
    bug: "later reports of its node change a stopped task",
    file: "packages/controllers/task/fold-observation.ts",
    from: '  if (task.lastStatus === "STOPPED") return task;\n',
    to: "",
  },
  {
    bug: "a task that is stopping begins to drain",
    file: "packages/controllers/task/task-controller.ts",
    from: "const ended =\n    ending || task.stopCode",
    to: "const ended =\n    task.stopCode",
  },
  {
    bug: "tasks that are being stopped stay registered in Cloud Map",
    file: "packages/controllers/discovery/plan-registry.ts",
    from: 'if (task.lastStatus !== "RUNNING" || task.desiredStatus !== "RUNNING" || address',
    to: 'if (task.lastStatus === "PENDING" || address',
  },
  {
    bug: "targets of stopped tasks stay registered",
    file: "packages/controllers/task/task-controller.ts",
    from: 'for (const target of targets) tx.delete("target", targetKeyOf(target));\n      tx.delete("taskSecrets"',
    to: 'tx.delete("taskSecrets"',
  },
  {
    bug: "an address is assigned without checking whether it is in use",
    file: "packages/state/transactions/addresses.ts",
    from: "const start = tx.next(`address/${subnet.id}`);",
    to:
      "const start = tx.next(`address/${subnet.id}`); if (start > 1) return formatIp(block.base + " +
      "RESERVED_FIRST + (start % 3));",
  },
  {
    bug: "a warm interface stays in the pool after it was assigned to a task",
    file: SCHEDULER,
    from: 'tx.put("networkInterface", warm.id, taken);',
    to: "",
  },
  {
    bug: "the removal of an interface is not requested again when it was not confirmed",
    file: "packages/controllers/node/node-gateway.ts",
    from: "    this.#releaseLeftovers(session);\n",
    to: "",
  },
  {
    bug: "a new connection does not get the assignments that were sent before",
    file: "packages/controllers/node/node-gateway.ts",
    from: "    this.#sync(session);\n",
    to: "",
  },
  {
    bug: "duplicated and reordered messages are processed",
    file: "packages/agent-protocol/framing.ts",
    from: "if ((this.#last.get(subject) ?? 0) >= sequence) return false;",
    to: "",
  },
  {
    bug: "an agent sends hello only once, so that a lost message stays lost",
    file: "packages/agent/agent-session.ts",
    from: "this.#timer = this.#clock.after(HELLO_EVERY_MS, () => this.#greet());",
    to: "",
  },
  {
    bug: "a pod is removed before the agent has recorded that it is to be removed",
    file: AGENT,
    from: "    await this.#cache.written();\n",
    to: "",
  },
  {
    bug: "a pod is removed and its interface stays",
    file: "packages/agent/handlers/pod-handler.ts",
    from:
      "    if (!isInterfaceWanted(this.#deps.cache, pod.interface.id)) await " +
      "this.#interfaces.remove(pod.interface);\n",
    to: "",
  },
  {
    bug: "the reason why a pod could not start is lost when the agent restarts",
    file: "packages/agent/assignment-cache.ts",
    from: "      problems: Object.fromEntries(this.problems),",
    to: "      problems: {},",
  },
  {
    bug: "a lost namespace does not end its pod",
    file: "packages/agent/pods/plan-pod.ts",
    from: 'if (view.pause?.state === "exited" && view.containers.size > 0)',
    to: "if (Number.isNaN(view.now))",
  },
  {
    bug: "an index of the store keeps the previous key of a record",
    file: "packages/state/memory-store.ts",
    from: "        values.get(was)?.delete(key);\n",
    to: "",
  },
  {
    bug: "production traffic moves to a fleet that is not healthy as a whole",
    file: STAGES,
    from: 'targetPlan?.isFull === true ? then(shift(staged, "production", next)) : WAIT,',
    to: 'then(shift(staged, "production", next)),',
    directedTest: "staged.test.ts: waits with a step while a task of the new fleet is replaced",
  },
  {
    bug: "traffic moves at the first of several load balancers alone",
    file: STAGES,
    from: "const shifts = view.balancers.flatMap(",
    to: "const shifts = view.balancers.slice(0, 1).flatMap(",
  },
  {
    bug: "a new fleet registers with the target group that serves",
    file: "packages/state/transactions/staged-deployments.ts",
    from: "servingTargetGroupArn: isStaged ? other : used",
    to: "servingTargetGroupArn: used",
  },
  {
    bug: "all production traffic moves before its stage",
    file: STAGES,
    from: 'shift(staged, "test", ALL)',
    to: 'shift(staged, "test", ALL), shift(staged, "production", ALL)',
  },
  {
    bug: "the old fleet is stopped while the new one bakes",
    file: STAGES,
    from: 'source === undefined || stage === "CLEAN_UP" ? undefined : planFleet(view, source)',
    to:
      'source === undefined || stage === "BAKE_TIME" || stage === "CLEAN_UP" ? undefined : { ' +
      "...planFleet(view, source), actions: stopFleet(view, source, true) }",
  },
  {
    bug: "a rollback does not move traffic back",
    file: "packages/state/transactions/staged-deployments.ts",
    from: "  giveAllTraffic(tx, source);\n",
    to: "",
  },
  {
    bug: "a rollback is complete while the new fleet still runs",
    file: STAGES,
    from: "if (others.every((set) => hasStopped(view, set)))\n    actions",
    to: "if (others.length > 0)\n    actions",
  },
  {
    bug: "a superseded fleet keeps its traffic while it is stopped",
    file: STAGES,
    from: 'return then(shift(staged, "production", 0), shift(staged, "test", 0));\n  const others',
    to: 'return then([{ type: "recordTraffic", traffic: { shiftedAt: view.now } }]);\n  const others',
  },
  {
    bug: "the old fleet keeps the weight that the new one gets",
    file: "packages/state/transactions/traffic.ts",
    from: "weight: 100 * scale - weight",
    to: "weight: 100 * scale",
  },
  {
    bug: "a hook that times out with ROLLBACK leaves the deployment waiting forever",
    file: "packages/controllers/service/plan-hooks.ts",
    from: "  const expired = waiting.filter((run) => leftMs(run) <= 0);",
    to: "  const expired = waiting.filter((run) => run.expiresAt <= now);",
  },
  {
    bug: "waiters on the clock wait a day longer when the clock is set back",
    file: "packages/kernel/clock.ts",
    from: "return then > now ? Number.POSITIVE_INFINITY : now - then;",
    to: "return now - then;",
  },
  {
    bug: "a task is assigned to every node that is connected",
    file: ASSIGNMENTS,
    from: "const isOwn = task?.placement?.nodeId === nodeId;",
    to: "const isOwn = task !== undefined;",
  },
  {
    bug: "reservations are not recorded with the placement",
    file: SCHEDULER,
    from: "    reserved: spec && reservationOf(spec, task.overrides),\n",
    to: "",
  },
  {
    bug: "a task is placed regardless of what is reserved on its node",
    file: "packages/state/transactions/reservations.ts",
    from: "available: total.memoryMiB - reserved.memoryMiB,",
    to: "available: total.memoryMiB,",
  },
  {
    bug: "a task takes a warm interface of another node",
    file: "packages/controllers/scheduler/gather-candidates.ts",
    from: "warm: ready.filter((eni) => eni.nodeId === fact.node.id),",
    to: "warm: ready,",
  },
  {
    bug: "tasks are placed on the first node only",
    file: SCHEDULER,
    from: 'tx.list("node")',
    to: 'tx.list("node").slice(0, 1)',
  },
  {
    bug: "a warm interface is made on every node that is connected",
    file: ASSIGNMENTS,
    from: 'eni?.type === "warm" && eni.nodeId === nodeId;',
    to: 'eni?.type === "warm";',
  },
  {
    bug: "a stage does not wait for its hooks",
    file: STAGES,
    from: 'return afterHooks(staged, stage, () => then(move("TEST_TRAFFIC_SHIFT")));',
    to: 'return then(move("TEST_TRAFFIC_SHIFT"));',
  },
  {
    bug: "a failed hook does not stop the deployment",
    file: "packages/controllers/service/plan-hooks.ts",
    from: 'const broken = runs.find((run) => run.status === "FAILED");',
    to: "const broken = runs.find((run) => run.id === '');",
  },
  {
    bug: "a hook that times out with ROLLBACK counts as passed",
    file: "packages/controllers/service/plan-hooks.ts",
    from: 'if (expired.some((run) => deployment.hooks[run.hook]?.timeoutAction === "ROLLBACK"))',
    to: "if (Number.isNaN(now))",
  },
  {
    bug: "production traffic moves in one step for every strategy",
    file: STAGES,
    from: "percents.find((percent) => percent > production)",
    to: "percents.findLast((percent) => percent > production)",
  },
  {
    bug: "the new fleet is not stopped after a rollback",
    file: STAGES,
    from: "...others.flatMap((set) => stopFleet(view, set, true))];",
    to: "];",
  },
  {
    bug: "a deployment is completed while its old fleet is still stopping",
    file: STAGES,
    from: "if (source !== undefined && !hasStopped(view, source))\n    return",
    to: "if (source !== undefined && stopFleet(view, source, isFull).length > 0)\n    return",
  },
  {
    bug: "a rollback ends as SUCCESSFUL",
    file: "packages/controllers/service/perform-actions.ts",
    from: "if (rollback === undefined) this.#endDeployment",
    to: "if (this.#view.deployment !== undefined) this.#endDeployment",
  },
  {
    bug: "the records of replaced fleets are kept",
    file: "packages/controllers/service/perform-actions.ts",
    from: "if (set.id !== taskSetId) this.#tx.delete",
    to: "if (set.id === '') this.#tx.delete",
  },
  {
    bug: "after a rollback the new fleet stays PRIMARY",
    file: "packages/state/transactions/staged-deployments.ts",
    from: 'status: isSource ? "PRIMARY" : "ACTIVE",',
    to: "",
  },
  {
    bug: "a superseded fleet keeps its test traffic",
    file: STAGES,
    from: 'return then(shift(staged, "production", 0), shift(staged, "test", 0));\n  const others',
    to: 'return then(shift(staged, "production", 0));\n  const others',
  },
  {
    bug: "test traffic moves before its stage",
    file: STAGES,
    from: 'return isFull ? then(move("POST_SCALE_UP")) : WAIT;',
    to: 'return isFull ? then(shift(staged, "test", ALL), move("POST_SCALE_UP")) : WAIT;',
  },
  {
    bug: "a task set of CodeDeploy counts as healthy regardless of its tasks",
    file: "packages/controllers/code-deploy/code-deploy-view.ts",
    from: "taskSets.filter((set) => isSteady(view, set)).map((set) => set.id)",
    to: "taskSets.map((set) => set.id)",
  },
  {
    bug: "CodeDeploy creates a task set while the test listener still forwards to its target group",
    file: CODE_DEPLOY,
    from: 'return act(...shift(view, "production", 0), ...shift(view, "test", 0));',
    to: 'return act({ type: "recordTraffic", traffic: { shiftedAt: view.now } });',
  },
  {
    bug: "a rollback of CodeDeploy does not move traffic back",
    file: CODE_DEPLOYMENTS,
    from: "  giveAllTraffic(tx, deployment);\n",
    to: "",
  },
  {
    bug: "a rollback of CodeDeploy succeeds while the new task set still exists",
    file: CODE_DEPLOY,
    from: '  if (green === undefined) return act({ type: "succeed" });\n  return green',
    to: '  if (green?.status !== "ACTIVE") return act({ type: "succeed" });\n  return green',
  },
  {
    bug: "a deployment of CodeDeploy succeeds while the old task set still exists",
    file: CODE_DEPLOY,
    from: 'if (blue.status === "DRAINING") return WAIT;',
    to: 'if (blue.status === "DRAINING") return act({ type: "succeed" });',
  },
  {
    bug: "the leftover task set of an earlier CodeDeploy deployment keeps its target group",
    file: CODE_DEPLOY,
    from: "if (others.length === 0) return act",
    to: "if (others.length >= 0) return act",
  },
  {
    bug: "an alarm stops a deployment of CodeDeploy whose old task set is gone",
    file: CODE_DEPLOY,
    from: "isPastReturn(view) ? undefined : interruptionOf(view)",
    to: "interruptionOf(view)",
  },
  {
    bug: "CodeDeploy moves traffic to a fleet that is not healthy as a whole",
    file: CODE_DEPLOY,
    from: 'return whenSteady(view, () => act(...shift(view, "production", next)));',
    to: 'return act(...shift(view, "production", next));',
  },
  {
    bug: "CodeDeploy releases the old fleet while the new one is not healthy",
    file: CODE_DEPLOY,
    from: "return whenSteady(view, () => act(drain(blue)));",
    to: "return act(drain(blue));",
  },
  {
    bug: "a rollback of CodeDeploy leaves the new fleet as PRIMARY",
    file: CODE_DEPLOYMENTS,
    from: '  if (blue.status !== "PRIMARY") makePrimary(tx, blue, now);\n',
    to: "",
  },
  {
    bug: "a hook of CodeDeploy accepts a second answer",
    file: CODE_DEPLOYMENTS,
    from: "if (hasEnded(deployment) || isDecided || ",
    to: "if (hasEnded(deployment) || ",
  },
  {
    bug: "the answer of a function changes a hook that has timed out",
    file: "packages/state/transactions/staged-deployments.ts",
    from: 'run.id === hookId && run.status === "IN_PROGRESS" ?',
    to: "run.id === hookId ?",
  },
  {
    bug: "the native strategies stop the old fleet while the new one is not healthy",
    file: STAGES,
    from: "stopFleet(view, source, isFull), lookAgainInMs",
    to: "stopFleet(view, source, true), lookAgainInMs",
  },
  {
    bug: "an Auto Scaling group launches without the token of the launch",
    file: "packages/controllers/auto-scaling-groups/launch-instance.ts",
    from: "...{ MinCount: 1, MaxCount: 1, ClientToken: wanted.clientToken },",
    to: "...{ MinCount: 1, MaxCount: 1 },",
  },
  {
    bug: "an Auto Scaling group forgets an instance before it has ended",
    file: "packages/controllers/auto-scaling-groups/step-instance.ts",
    from: 'machine === undefined || machine.state === "terminated") {',
    to: 'machine === undefined || machine.state !== "pending") {',
  },
];
