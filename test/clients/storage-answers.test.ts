import { join } from "node:path";
import { startApi } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { run } from "../e2e/helpers.ts";
import { debianPackages, has, python } from "./clients.ts";

// What S3 answers at its edges reaches the clients that people use as AWS documents it. Neither boto3 nor the
// command lines send user metadata that is not ASCII: they refuse it themselves, and
// packages/api/s3/answers.test.ts sends it.
const api = await startApi();
afterAll(() => api.close());
const environmentOf = (bucket: string) => ({
  ...api.environment,
  AWS_DEFAULT_REGION: "eu-south-1",
  AWS_PAGER: "",
  ANSWERS_BUCKET: bucket,
});

it.runIf(has("python3"))("answers boto3", async () => {
  const script = join(import.meta.dirname, "storage-answers.py");
  const lines = await run(join(await python(), "bin/python"), [script], environmentOf("answers-boto3"));
  expect(lines.trim().split("\n")).toHaveLength(11);
});

it.concurrent.each([
  ["aws-cli-1", "python3"],
  ["aws-cli-2", "apt-get"],
])("answers %s", async (name, needs) => {
  if (!has(needs)) return;
  if (name === "aws-cli-2") await debianPackages("awscli");
  const ANSWERS_AWS = name === "aws-cli-2" ? "/usr/bin/aws" : join(await python(), "bin/aws");
  const script = join(import.meta.dirname, "storage-answers.sh");
  const output = await run("sh", [script], { ...environmentOf(`answers-${name}`), ANSWERS_AWS });
  expect(output.trim()).toBe("answered");
});
