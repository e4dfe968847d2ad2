import * as iam from "@aws-sdk/client-iam";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elbTargets } from "./spelling-balancers.ts";
import { efsTargets, iamTargets, logsTargets, rdsTargets } from "./spelling-stores.ts";
import {
  ACCOUNT,
  acmTargets,
  clientsOf,
  ec2Targets,
  ecrTargets,
  ecsTargets,
  outcomeOf,
  type Clients,
  type Target,
} from "./spelling-targets.ts";

// An attacker's policy allows everything and explicitly denies the resources below by their ARNs. The attacker names each of
// them in every operation and in every spelling that a look-up might resolve. No call may read or change a denied resource.
// Before: permissions were computed from the spelling, and 46 pairs of an operation and a name went through, among them RunTask
// of "app", DeleteDBInstance of "PROD", DescribeDBInstances of "mine:prod", AuthorizeSecurityGroupIngress by GroupName,
// DisassociateRouteTable, every operation of EFS with an ARN, DeleteMountTarget, and UpdateUser into a denied user's ARN.
const api = await startApi();
afterAll(() => api.close());

const root = clientsOf(api.client());
const MAKERS = [
  ecsTargets,
  ecrTargets,
  ec2Targets,
  acmTargets,
  elbTargets,
  efsTargets,
  rdsTargets,
  logsTargets,
  iamTargets,
];

/** Spellings that name the resource, that look as if they did, and that a careless look-up resolves. */
function spellingsOf(name: string): readonly string[] {
  return [
    name.toUpperCase(),
    `mine:${name}`,
    `mine/${name}`,
    `${name}:*`,
    `${name}/`,
    ` ${name}`,
    `${name} `,
    `${name.slice(0, -1)}?`,
    "*",
  ];
}

async function clientsWith(userName: string, Statement: readonly object[]): Promise<Clients> {
  await root.iam.send(new iam.CreateUserCommand({ UserName: userName }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await root.iam.send(
    new iam.PutUserPolicyCommand({ UserName: userName, PolicyName: "own", PolicyDocument }),
  );
  const { AccessKey } = await root.iam.send(new iam.CreateAccessKeyCommand({ UserName: userName }));
  const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
  return clientsOf(api.client({ accessKeyId, secretAccessKey }));
}

describe("a resource that is denied by its ARN", () => {
  let targets: readonly Target[] = [];
  let attacker: Clients;
  let changes = 0;
  beforeAll(async () => {
    await root.iam.send(new iam.CreateUserCommand({ UserName: "spare" }));
    for (const make of MAKERS) targets = [...targets, ...(await make(root))];
    attacker = await clientsWith("attacker", [
      { Effect: "Allow", Action: "*", Resource: "*" },
      { Effect: "Deny", Action: "*", Resource: [...new Set(targets.map((target) => target.arn))] },
    ]);
    api.store.watch(() => (changes += 1));
  });

  it("is denied by every name that AWS gives it", async () => {
    for (const { names, calls } of targets)
      for (const [operation, call] of Object.entries(calls))
        for (const name of names)
          expect.soft(await outcomeOf(call(attacker, name)), `${operation} of ${name}`).toBe("denied");
    expect(changes).toBe(0);
  });

  it("is neither read nor changed by any other spelling", async () => {
    for (const { names, calls } of targets)
      for (const [operation, call] of Object.entries(calls))
        await Promise.all(
          [...new Set(names.flatMap(spellingsOf))]
            .filter((each) => !names.includes(each))
            .map(async (spelling) => {
              const outcome = await outcomeOf(call(attacker, spelling));
              expect
                .soft(["denied", "refused", "nothing"], `${operation} of ${spelling}: ${outcome}`)
                .toContain(outcome);
            }),
        );
    expect(changes).toBe(0);
  });

  it("cannot be taken over by a rename", async () => {
    const rename = new iam.UpdateUserCommand({ UserName: "spare", NewUserName: "prod", NewPath: "/team/" });
    expect(await outcomeOf(attacker.iam.send(rename))).toBe("denied");
  });

  it("keeps its user when a call names none", async () => {
    const own = await clientsWith("self", [
      { Effect: "Allow", Action: "*", Resource: "*" },
      { Effect: "Deny", Action: "iam:*", Resource: `${ACCOUNT}:user/self` },
    ]);
    expect(await outcomeOf(own.iam.send(new iam.GetUserCommand({})))).toBe("denied");
    expect(await outcomeOf(own.iam.send(new iam.CreateAccessKeyCommand({})))).toBe("denied");
  });
});
