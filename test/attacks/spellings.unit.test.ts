import { sendBytes, signedHeaders, startApi } from "@gantry/testkit";
import { afterAll, describe, expect, it } from "vitest";
import { SERVICE_NAMES, type ServiceName } from "./loaded-services.ts";
import { inputOf, mayBeNew } from "./references/inputs.ts";
import { referenceMembers, type Subject } from "./references/members.ts";
import { TYPES } from "./references/rules.ts";
import { newSandbox } from "./references/sandbox.ts";
import type { Target } from "./references/targets.ts";

// An attacker's policy allows everything and explicitly denies one resource by its ARN. The attacker names
// the resource by each of its spellings, in each member of each operation that refers to such a resource: the
// members are read from the SDK's schemas, so that a new operation is attacked without a change here.
// Before: permissions were computed from the spelling, and 46 pairs of an operation and a name went through,
// among them RunTask of "app", DeleteDBInstance of "PROD", AuthorizeSecurityGroupIngress by GroupName and
// every operation of EFS with an ARN. Before the members were generated: UpdateSecurityGroupRuleDescriptions
// did not find a group by the name that its permission was asked for, and CreateNatGateway ignored VpcId.
const api = await startApi();
afterAll(() => api.close());
const { world, credentials, allow, call } = await newSandbox(api);
const { subjects, unknown } = await referenceMembers();

const ALL = { Effect: "Allow", Action: "*", Resource: "*" };
const targetsOf = ({ kind }: Subject) => world.targets.filter((target) => target.kind === kind);

/** Targets of the service with the subjects that may name them: one change of the caller's policy for each target. */
function* casesOf(
  service: ServiceName,
  reaches: readonly Subject["reach"][],
): Generator<readonly [Target, readonly Subject[]]> {
  for (const target of world.targets) {
    const named = subjects.filter(
      (subject) =>
        subject.service === service && subject.kind === target.kind && reaches.includes(subject.reach),
    );
    if (named.length > 0) yield [target, named];
  }
}

const send = (subject: Subject, spelling: string, target: Target, more: object = {}) =>
  call(subject.service, subject.operation.name, {
    ...inputOf(subject, spelling, target, world.defaults[subject.service]),
    ...more,
  });
const nameOf = ({ service, operation, path }: Subject, spelling: string) =>
  `${service} ${operation.name} with ${path} = ${spelling}`;
const denying = (target: Target) => [ALL, { Effect: "Deny", Action: "*", Resource: target.arns }];

/** What copies make, for which a permission is asked beside that of their source. */
const COPYING = [
  { Effect: "Allow", Action: "rds:Copy*", Resource: "arn:aws:rds:*:*:?g:copied" },
  { Effect: "Allow", Action: "ec2:CopySnapshot", Resource: "arn:aws:ec2:*::snapshot/${*}" },
];

/** Spellings that look as if they named the resource, and that a careless look-up resolves. */
function wrongSpellingsOf({ kind, spellings }: Target): readonly string[] {
  const wrong = spellings
    .slice(0, 1)
    .flatMap((name) => [
      name.toUpperCase(),
      `mine:${name}`,
      `mine/${name}`,
      `${name}:*`,
      `${name}/`,
      ` ${name}`,
      `${name} `,
      `${name.slice(0, -1)}?`,
    ]);
  return [...new Set([...wrong, "*"])].filter(
    (each) => !spellings.includes(each) && !(kind === "bucket" && each.includes("/")), // The SDK refuses it.
  );
}

describe("members that refer to a resource", () => {
  it("have a rule in references/rules.ts", () => expect(unknown).toEqual([]));
  it("have a resource in references/world.ts", () =>
    expect(subjects.filter((subject) => targetsOf(subject).length === 0)).toEqual([]));
});

describe.each(SERVICE_NAMES)("a resource of %s", (service) => {
  it("that is denied by its ARN is denied by every spelling", async () => {
    for (const [target, named] of casesOf(service, ["resource"])) {
      await allow(denying(target));
      for (const subject of named)
        for (const spelling of target.spellings) {
          const { outcome, detail, changes } = await send(subject, spelling, target);
          expect.soft(outcome, `${nameOf(subject, spelling)}: ${detail}`).toBe("denied");
          expect.soft(changes).toEqual([]);
        }
    }
  });

  it("that is denied by a condition key is denied by every spelling", async () => {
    for (const [target, named] of casesOf(service, ["condition"])) {
      const key = TYPES[target.kind].conditionKey ?? "";
      const Condition = { ArnEquals: { [key]: target.arns } };
      await allow([ALL, { Effect: "Deny", Action: "*", Resource: "*", Condition }]);
      for (const subject of named.filter(
        ({ operation }) => !/^(?:Describe|Deregister)TaskDefinition$/.test(operation.name),
      ))
        for (const spelling of target.spellings) {
          const { outcome, detail } = await send(subject, spelling, target);
          expect.soft(outcome, `${nameOf(subject, spelling)}: ${detail}`).toBe("denied");
        }
    }
  });

  it("that is the only allowed one of its type is allowed by every spelling", async () => {
    for (const [target, named] of casesOf(service, ["resource", "none"])) {
      await allow([
        { Effect: "Allow", Action: "*", NotResource: target.family },
        { Effect: "Allow", Action: "*", Resource: target.arns },
        ...COPYING,
      ]);
      for (const subject of named)
        for (const spelling of target.spellings) {
          const { outcome, detail } = await send(subject, spelling, target);
          expect
            .soft(["answered", "nothing", "refused"], `${nameOf(subject, spelling)}: ${detail}`)
            .toContain(outcome);
        }
    }
  });

  it("that is denied is neither read nor changed by another spelling", async () => {
    for (const [target, named] of casesOf(service, ["resource"])) {
      await allow(denying(target));
      for (const subject of named.filter((each) => !mayBeNew(each)))
        for (const spelling of wrongSpellingsOf(target)) {
          const { outcome, detail, changes } = await send(subject, spelling, target);
          expect
            .soft(["denied", "missing", "refused", "nothing"], `${nameOf(subject, spelling)}: ${detail}`)
            .toContain(outcome);
          expect.soft(changes).toEqual([]);
        }
    }
  });

  it("that is denied is not reached beside a reference to another one", async () => {
    for (const [target, named] of casesOf(service, ["resource"])) {
      await allow(denying(target));
      for (const subject of named)
        for (const other of rivalsOf(subject)) {
          const [spelling = ""] = target.spellings;
          const value = other.path.endsWith("[]") ? ["another"] : "another";
          const { outcome, detail } = await send(subject, spelling, target, { [topOf(other)]: value });
          expect
            .soft(["denied", "missing", "refused"], `${nameOf(subject, spelling)}, ${other.path}: ${detail}`)
            .toContain(outcome);
        }
    }
  });
});

const topOf = ({ path }: Subject) => path.replace(/[.[].*/, "");

/** Other members of the operation that name a resource of the same type. */
function rivalsOf(subject: Subject): readonly Subject[] {
  const types: readonly string[] = TYPES[subject.kind].types;
  return subjects.filter(
    (other) =>
      other.operation === subject.operation &&
      topOf(other) !== topOf(subject) &&
      TYPES[other.kind].types.some((type) => types.includes(type)),
  );
}

describe("an object", () => {
  const PATHS = [
    "/prod/a/b%20c",
    "/prod/a%2Fb%20c",
    "/prod/%61/b%20c",
    "/pro%64/a/b%20c",
    "/prod/./a/b%20c",
    "/prod/x/../a/b%20c",
    "/mine/../prod/a/b%20c",
    "//prod/a/b%20c",
    "/prod//a/b%20c",
    "/prod/a/b+c",
    "/prod/a/b%20c?versionId=null",
    "/prod/a/b%20c%00",
  ];

  it("that is denied is not read by any spelling of its path", async () => {
    const target = world.targets.find(({ kind }) => kind === "key") ?? expect.fail("there is an object");
    await allow(denying(target));
    for (const host of ["127.0.0.1", "prod.s3.eu-south-1.amazonaws.com"])
      for (const path of PATHS.flatMap((each) => [each, each.replace("/prod/", "/")])) {
        const request = { service: "s3", method: "GET", path };
        const headers = signedHeaders(host, request, Date.now(), credentials);
        const lines = Object.entries({ ...headers, connection: "close" }).map(
          ([name, value]) => `${name}: ${value}`,
        );
        const bytes = `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
        const answer = await sendBytes(api.port, [bytes], { deadlineMs: 2_000 });
        expect.soft(answer, `${host} ${path}`).toMatch(/^HTTP\/1\.1 4\d\d /);
      }
  });
});

describe("a user", () => {
  it("that is denied is denied to itself where a call names no user", async () => {
    await allow([
      ALL,
      { Effect: "Deny", Action: "iam:*", Resource: "arn:aws:iam::000000000000:user/caller" },
    ]);
    const unnamed = subjects.filter(
      ({ kind, operation }) => kind === "user" && /^(?:GetUser|\w+AccessKeys?)$/.test(operation.name),
    );
    expect(unnamed).toHaveLength(5);
    for (const subject of unnamed) {
      const { outcome, detail } = await send(
        subject,
        "caller",
        { ...spare, spellings: [] },
        { UserName: undefined },
      );
      expect.soft(outcome, `${subject.operation.name}: ${detail}`).toBe("denied");
    }
  });

  it("that is denied cannot be taken over by a rename", async () => {
    await allow([ALL, { Effect: "Deny", Action: "*", Resource: "arn:aws:iam::000000000000:user/team/prod" }]);
    const rename = { UserName: "spare", NewUserName: "prod", NewPath: "/team/" };
    expect((await call("iam", "UpdateUser", rename)).outcome).toBe("denied");
  });
});

const spare: Pick<Target, "kind" | "arns" | "family"> = { kind: "user", arns: [], family: "" };
