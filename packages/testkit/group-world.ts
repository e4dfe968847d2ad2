import * as autoscaling from "@aws-sdk/client-auto-scaling";
import * as ec2 from "@aws-sdk/client-ec2";
import { machineImages } from "@gantry/api/common/machine-images";
import { publishFromService } from "@gantry/api/sns/from-service";
import { autoScalingGroupController, drainingController } from "@gantry/controllers";
import {
  Controller,
  randomIds,
  silentLogger,
  SystemClock,
  VirtualClock,
  type Clock,
  type Reconciler,
} from "@gantry/kernel";
import { startApi, type Api } from "./api-server.ts";
import { startInstanceNode } from "./instance-node.ts";

/** The API with the controllers of Auto Scaling groups, and a node that starts and ends instances at once. */
export async function startGroupWorld() {
  const clock = new VirtualClock(new SystemClock().now());
  const api = await startApi({ clock });
  const { store } = api;
  /** What a call of the platform does before it is carried out: a test makes it fail there. */
  const faults: { before: () => void; after: () => void } = { before: () => {}, after: () => {} };
  const reconcilers = groupReconcilers(api, clock, faults);
  const [reconciler] = reconcilers;
  let controllers: Controller[] = [];
  const start = (): void => {
    controllers = reconcilers.map((each) => new Controller(each, { clock, log: silentLogger }));
    for (const each of controllers) each.start();
  };
  const stopNode = startInstanceNode(store, clock);
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

/**
 * The loops of Auto Scaling groups over an API. `faults` fail a call of the platform before or after it is
 * carried out.
 */
export function groupReconcilers(
  { store, vault, metrics, call }: Pick<Api, "store" | "vault" | "metrics" | "call">,
  clock: Clock,
  faults: { before: () => void; after: () => void } = { before: () => {}, after: () => {} },
): readonly [Reconciler, Reconciler] {
  const deps = { store, clock, ids: randomIds(), log: silentLogger };
  const groups = autoScalingGroupController({
    ...{ ...deps, metrics },
    callApi: async (inner) => {
      faults.before();
      const answer = await call(inner);
      faults.after();
      return answer;
    },
    publish: (message) => publishFromService({ ...deps, vault }, message),
  });
  return [groups, drainingController(deps)];
}
