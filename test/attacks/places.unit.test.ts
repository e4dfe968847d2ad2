import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
} from "@aws-sdk/client-ecr";
import { ACCOUNT as VICTIM, startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elbTargets } from "./spelling-balancers.ts";
import { efsTargets, iamTargets, logsTargets, rdsTargets } from "./spelling-stores.ts";
import {
  acmTargets,
  clientsOf,
  ec2Targets,
  ecrTargets,
  ecsTargets,
  outcomeOf,
  type Clients,
  type Target,
} from "./spelling-targets.ts";

// A caller who may do everything in one account and region holds the ids and ARNs of resources of another.
// Before: load balancers, listeners, rules and target groups of another account and region were described, changed and deleted.
const REGION = "eu-south-1";
const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };
const api = await startApi();
afterAll(() => api.close());

const REGIONAL = [
  ecsTargets,
  ecrTargets,
  ec2Targets,
  acmTargets,
  elbTargets,
  efsTargets,
  rdsTargets,
  logsTargets,
];

describe("a resource of another place", () => {
  let regional: readonly Target[] = [];
  let global: readonly Target[] = [];
  const changed: string[] = [];
  beforeAll(async () => {
    const root = clientsOf(api.client());
    for (const make of REGIONAL) regional = [...regional, ...(await make(root))];
    global = await iamTargets(root);
    api.store.transact((tx) =>
      tx.put("accessKey", OTHER.accessKeyId, {
        accessKeyId: OTHER.accessKeyId,
        sealedSecret: api.vault.seal(OTHER.secretAccessKey),
        account: "111111111111",
        userArn: undefined,
        status: "Active",
        createdAt: 0,
      }),
    );
    api.store.watch(({ kind, key, account, region = REGION }) => {
      if (account === VICTIM && region === REGION) changed.push(`${kind} ${key}`);
    });
  });

  async function expectUntouched(caller: Clients, targets: readonly Target[]): Promise<void> {
    for (const { names, calls, reads } of targets)
      for (const [operation, call] of Object.entries({ ...calls, ...reads }))
        for (const name of names) {
          const outcome = await outcomeOf(call(caller, name));
          expect
            .soft(["denied", "refused", "nothing"], `${operation} of ${name}: ${outcome}`)
            .toContain(outcome);
        }
    expect(changed).toEqual([]);
  }

  it("is neither read nor changed from another account", () =>
    expectUntouched(clientsOf(api.client(OTHER)), [...regional, ...global]));

  // Before: ECR ignored the registry and answered from the caller's own.
  it("is not mixed up with the caller's own where ECR is given a registry", async () => {
    const { ecr } = clientsOf(api.client(OTHER));
    await ecr.send(new CreateRepositoryCommand({ repositoryName: "prod" }));
    const registry = { registryId: VICTIM, repositoryName: "prod" };
    const missing = `does not exist in the registry with id '${VICTIM}'`;
    await expect(ecr.send(new DescribeImagesCommand(registry))).rejects.toThrow(missing);
    const deletion = new DeleteRepositoryCommand({ ...registry, force: true });
    await expect(ecr.send(deletion)).rejects.toThrow(missing);
    await expect(ecr.send(new DescribeRepositoriesCommand({ registryId: VICTIM }))).rejects.toThrow(VICTIM);
  });

  it("is neither read nor changed from another region", () =>
    expectUntouched(clientsOf(api.client(undefined, "us-west-2")), regional));
});
