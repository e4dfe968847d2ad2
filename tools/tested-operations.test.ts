import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { files, text } from "./tidy/sources.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** The tests that need no running platform and no container engine, and what several of them share. */
const tests = files.filter(
  (file) =>
    (file.endsWith(".test.ts") || file.endsWith("-world.ts")) &&
    !/^test\/(?:e2e|docker|clients)\//.test(file) &&
    !file.endsWith(".e2e.test.ts"),
);
const source = tests.map(text).join("\n");

/** The operations that no test calls with the SDK. */
const untested = (operations: readonly string[], among: string): readonly string[] =>
  operations.filter((name) => !new RegExp(`\\b(?:${name}Command|paginate${name})\\b`).test(among));

it.each([
  "acm",
  "application-autoscaling",
  "ec2",
  "ecs",
  "efs",
  "elbv2",
  "eventbridge",
  "kms",
  "logs",
  "resourcegroupstaggingapi",
  "scheduler",
  "secretsmanager",
  "route53",
  "s3control",
  "sns",
  "sqs",
  "servicediscovery",
  "servicequotas",
  "ssm",
])("has an in-process test that calls every operation of %s", (service) => {
  const support = readFileSync(join(ROOT, "packages/api", service, "SUPPORT.md"), "utf8");
  const operations = /## Operations\n\n([^\n]*)/.exec(support)?.[1]?.split(", ") ?? [];
  expect(operations.length).toBeGreaterThan(4);
  expect(untested(operations, source)).toEqual([]);
});

it("reports an operation that no test calls", () =>
  expect(untested(["StopTask", "RunTask"], "new ecs.RunTaskCommand({})")).toEqual(["StopTask"]));
