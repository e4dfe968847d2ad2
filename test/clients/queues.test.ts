import { join } from "node:path";
import { startApi, startTopicDeliveries } from "@gantry/testkit";
import { afterAll, expect, it } from "vitest";
import { run } from "../e2e/helpers.ts";
import { debianPackages, python } from "./clients.ts";

const api = await startApi();
const deliveries = startTopicDeliveries(api);
afterAll(async () => {
  await deliveries.stop();
  api.close();
});
const environment = { ...api.environment, AWS_DEFAULT_REGION: "eu-south-1", AWS_PAGER: "" };
const here = (name: string) => join(import.meta.dirname, name);

it("boto3 sends, receives and publishes", async () => {
  const program = join(await python(), "bin/python");
  expect(await run(program, [here("queues.py")], environment)).toBe("ok\n");
});

it.each([
  ["1", async () => join(await python(), "bin/aws")],
  ["2", () => debianPackages("awscli").then(() => "/usr/bin/aws")],
])("version %s of the AWS CLI sends, receives and publishes", async (version, find) => {
  const names = { JOURNEY_AWS: await find(), JOURNEY_NAME: `cli-${version}` };
  expect(await run(here("queues.sh"), [], { ...environment, ...names })).toBe("ok\n");
});
