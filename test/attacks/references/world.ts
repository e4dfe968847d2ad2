import type { Api } from "@gantry/testkit";
import { SDK_CLIENTS, SDK_MODULES, toNamedHosts } from "@gantry/testkit/sdk-clients";
import type { ServiceName } from "../loaded-services.ts";
import { createBalancer } from "./world-balancer.ts";
import { createCodeDeploy } from "./world-code-deploy.ts";
import { createConnections } from "./world-connections.ts";
import { createEvents } from "./world-events.ts";
import { createIdentities } from "./world-identities.ts";
import { createInstances } from "./world-instances.ts";
import { createNetwork } from "./world-network.ts";
import { createGroups } from "./world-groups.ts";
import { createScaling } from "./world-scaling.ts";
import { createStores } from "./world-stores.ts";
import { createTasks } from "./world-tasks.ts";
import type { Defaults, Send, Target } from "./targets.ts";

export interface World {
  readonly targets: readonly Target[];
  readonly defaults: Readonly<Record<ServiceName, Defaults>>;
}

type Client = { send(command: unknown): Promise<Record<string, unknown>>; destroy(): void };

/** Calls operations by their names, as the owner of these credentials. */
export function senderOf(config: ReturnType<Api["client"]>): Send {
  const clients = new Map<ServiceName, Client>();
  return (service, operation, input) => {
    // The clients differ in their commands only.
    const type = SDK_CLIENTS[service] as unknown as new (config: object) => Client;
    // The address of this process has no host names, of which some operations have one of their own.
    const settings = service === "s3control" ? toNamedHosts(config) : { ...config, disableHostPrefix: true };
    const client = clients.get(service) ?? new type({ ...settings, forcePathStyle: true });
    clients.set(service, client);
    const commands = SDK_MODULES[service] as unknown as Readonly<
      Record<string, new (input: object) => object>
    >; // Its commands by name.
    const command = commands[`${operation}Command`];
    if (command === undefined) throw new Error(`${service} has no ${operation}.`);
    // S3 Control's hosts begin with the account, so its clients send nothing without one.
    const account = service === "s3control" ? { AccountId: "000000000000" } : {};
    return client.send(new command({ ...account, ...input }));
  };
}

/** One resource of every kind, named `prod` where it has a name. */
export async function createWorld(send: Send): Promise<World> {
  const network = await createNetwork(send);
  const connections = await createConnections(send);
  const instances = await createInstances(send);
  const tasks = await createTasks(send, network);
  const scaling = await createScaling(send);
  const groups = await createGroups(send);
  const balancer = await createBalancer(send, network);
  const events = await createEvents(send);
  const codeDeploy = await createCodeDeploy(send, network);
  const stores = await createStores(send, network);
  const addresses = await network.associate(send);
  const identities = await createIdentities(send);
  return {
    targets: [
      ...network.targets,
      ...connections.targets,
      ...instances.targets,
      ...addresses,
      ...tasks.targets,
      ...scaling.targets,
      ...groups.targets,
      ...balancer.targets,
      ...codeDeploy.targets,
      ...events.targets,
      ...stores.targets,
      ...identities.targets,
    ],
    defaults: {
      ec2: {
        ...network.defaults,
        ...connections.defaults,
        ...instances.defaults,
        "AssociateAddress.NetworkInterfaceId": addresses[0]?.spellings[0],
      },
      "application-autoscaling": scaling.defaults,
      autoscaling: groups.defaults,
      codedeploy: codeDeploy.defaults,
      ...events.defaults,
      elbv2: balancer.defaults,
      servicequotas: { ServiceCode: "vpc", QuotaCode: "L-0EA8095F" },
      resourcegroupstaggingapi: {
        Tags: { a: "b" },
        TagKeys: ["a"],
        ResourceARNList: ["arn:aws:s3:::prod"],
      },
      s3control: { Tags: [{ Key: "a", Value: "b" }], TagKeys: ["a"] },
      ...tasks.defaults,
      ...stores.defaults,
      ...identities.defaults,
    },
  };
}
