import * as autoscaling from "@aws-sdk/client-auto-scaling";
import * as ec2 from "@aws-sdk/client-ec2";
import { machineImages } from "@gantry/api/common/machine-images";
import { publishFromService } from "@gantry/api/sns/from-service";
import { autoScalingGroupController, drainingController } from "@gantry/controllers";
import { Controller, randomIds, silentLogger, SystemClock, VirtualClock } from "@gantry/kernel";
import type { Store } from "@gantry/state";
import { startApi } from "./api-server.ts";

/** The API with the controllers of Auto Scaling groups, and a node that starts and ends instances at once. */
export async function startGroupWorld() {
  const clock = new VirtualClock(new SystemClock().now());
  const api = await startApi({ clock });
  const { store, vault, metrics } = api;
  const ids = randomIds();
  const deps = { store, clock, ids, log: silentLogger };
  /** What a call of the platform does before it is carried out: a test makes it fail there. */
  const faults: { before: () => void; after: () => void } = { before: () => {}, after: () => {} };
  const reconciler = autoScalingGroupController({
    ...{ ...deps, metrics },
    callApi: async (call) => {
      faults.before();
      const answer = await api.call(call);
      faults.after();
      return answer;
    },
    publish: (message) => publishFromService({ ...deps, vault }, message),
  });
  let controllers: Controller[] = [];
  const start = (): void => {
    controllers = [reconciler, drainingController(deps)].map(
      (each) => new Controller(each, { clock, log: silentLogger }),
    );
    for (const each of controllers) each.start();
  };
  const stopNode = startNode(store);
  start();
  const machines = new ec2.EC2Client(api.client());
  const groups = new autoscaling.AutoScalingClient(api.client());
  // Clients sign with the virtual time, whatever the date of an answer.
  for (const client of [machines, groups])
    Object.defineProperty(client.config, "systemClockOffset", {
      get: () => clock.now() - new SystemClock().now(),
      set: () => {},
    });
  const ImageId = machineImages("eu-south-1")[0]?.id ?? "";
  const LaunchTemplateData = { ImageId, InstanceType: "t3.nano" } as const;
  const { LaunchTemplate } = await machines.send(
    new ec2.CreateLaunchTemplateCommand({ LaunchTemplateName: "web", LaunchTemplateData }),
  );
  const { Subnets = [] } = await machines.send(new ec2.DescribeSubnetsCommand({}));
  return {
    ...{ api, clock, store, faults, machines, groups, LaunchTemplateData, reconciler },
    templateId: LaunchTemplate?.LaunchTemplateId ?? "",
    subnets: Subnets.map(({ SubnetId = "" }) => SubnetId),
    vpcId: Subnets[0]?.VpcId ?? "",
    /** Lets the controllers work, and time pass. */
    settle: (ms = 10_000) => clock.advance(ms),
    start,
    stop: () => Promise.all(controllers.map((each) => each.stop())),
    async close(): Promise<void> {
      stopNode();
      await Promise.all(controllers.map((each) => each.stop()));
      api.close();
    },
  };
}

/** A node that starts and ends instances at once. Returns what stops it. */
function startNode(store: Store): () => void {
  return store.watch(({ kind, key }) => {
    const instance = kind === "ec2Instance" ? store.get("ec2Instance", key) : undefined;
    if (instance?.state === "pending")
      store.transact((tx) => tx.put("ec2Instance", key, { ...instance, state: "running", reachable: true }));
    if (instance?.state === "shutting-down")
      store.transact((tx) => tx.put("ec2Instance", key, { ...instance, state: "terminated" }));
  });
}
