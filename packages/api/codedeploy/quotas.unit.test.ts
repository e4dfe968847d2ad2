import * as codedeploy from "@aws-sdk/client-codedeploy";
import type { Transaction } from "@gantry/state";
import { startApi } from "@gantry/testkit/api-server";
import { afterAll, expect, it } from "vitest";

const api = await startApi();
afterAll(() => api.close());
const client = new codedeploy.CodeDeployClient(api.client());
const none = () => expect.fail("There is one to copy.");

/** Stores copies of a record under other names, until there are so many. */
function fill(kind: "codeDeployApplication" | "codeDeployConfig", many: number): void {
  api.store.transact((tx: Transaction) => {
    const [known = none()] = tx.list(kind);
    for (let index = tx.list(kind).length; index < many; index += 1) {
      const name = `copy-${index}`;
      const arn = known.arn.replace(known.name, name);
      tx.put(kind, arn, { ...known, arn, name });
    }
  });
}

// Before: there was no limit, and the exceptions that AWS documents for it were never thrown.
it("refuses one application and one configuration more than an account's quota, in its region alone", async () => {
  const createApplication = (applicationName: string, from = client) =>
    from.send(new codedeploy.CreateApplicationCommand({ applicationName, computePlatform: "ECS" }));
  const createConfig = (deploymentConfigName: string) =>
    client.send(
      new codedeploy.CreateDeploymentConfigCommand({
        deploymentConfigName,
        computePlatform: "ECS",
        trafficRoutingConfig: { type: "AllAtOnce" },
      }),
    );
  await createApplication("first");
  await createConfig("first");
  fill("codeDeployApplication", 999);
  fill("codeDeployConfig", 49);
  await createApplication("last");
  await createConfig("last");
  await expect(createApplication("more")).rejects.toMatchObject({
    name: "ApplicationLimitExceededException",
    message: "More applications were attempted to be created than are allowed.",
  });
  await expect(createConfig("more")).rejects.toMatchObject({
    name: "DeploymentConfigLimitExceededException",
    message: "The deployment configurations limit was exceeded.",
  });
  const elsewhere = new codedeploy.CodeDeployClient({ ...api.client(), region: "eu-west-1" });
  await createApplication("more", elsewhere);
});

it("refuses one deployment group more than an application's quota", async () => {
  api.store.transact((tx) => {
    const application = tx.list("codeDeployApplication").find(({ name }) => name === "first") ?? none();
    for (let index = 0; index < 1_000; index += 1) {
      const arn = `arn:aws:codedeploy:eu-south-1:000000000000:deploymentgroup:first/g${index}`;
      const group = { ...application, arn, applicationArn: application.arn, settings: {} };
      tx.put("codeDeployGroup", arn, group as never); // The index reads the application alone.
    }
  });
  const call = client.send(
    new codedeploy.CreateDeploymentGroupCommand({
      applicationName: "first",
      deploymentGroupName: "more",
      serviceRoleArn: "arn:aws:iam::000000000000:role/deployer",
    }),
  );
  await expect(call).rejects.toMatchObject({
    name: "DeploymentGroupLimitExceededException",
    message: "The deployment groups limit was exceeded.",
  });
});
