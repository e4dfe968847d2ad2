import { resolve } from "node:path";
import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { newAuthority, openAuthority } from "@gantry/tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canRunTerraform, openTerraform, type StateResource } from "../../tools/terraform/terraform.ts";

/** Resources that the provider cannot import. Source: their pages in the provider's documentation. */
const NOT_IMPORTED: ReadonlySet<string> = new Set([
  "aws_lb_target_group_attachment",
  "aws_vpc_endpoint_service_allowed_principal",
]);
const CONFIGURATION = resolve(import.meta.dirname, "../../tools/terraform/balancers");
const LOGS = "balancer-logs";
const TRUST = "balancer-trust";

describe.skipIf(!canRunTerraform())("Terraform, with load balancers", async () => {
  const api = await startApi();
  // There is no node that serves load balancers here: each is active as soon as it exists.
  const activate = api.store.watch(({ kind, key }) => {
    const balancer = kind === "loadBalancer" ? api.store.get("loadBalancer", key) : undefined;
    if (balancer?.state === "provisioning")
      api.store.transact((tx) => tx.put("loadBalancer", key, { ...balancer, state: "active" }));
  });
  let terraform: ReturnType<typeof openTerraform> | undefined;
  const tf = () => terraform ?? expect.fail("Terraform is not open.");
  let resources: readonly StateResource[] = [];

  beforeAll(async () => {
    const { Subnets = [] } = await new EC2Client(api.client()).send(new DescribeSubnetsCommand({}));
    const storage = new S3Client({ ...api.client(), forcePathStyle: true });
    for (const Bucket of [LOGS, TRUST]) await storage.send(new CreateBucketCommand({ Bucket }));
    const Statement = {
      Effect: "Allow",
      Principal: { Service: "logdelivery.elasticloadbalancing.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: `arn:aws:s3:::${LOGS}/*`,
    };
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
    await storage.send(new PutBucketPolicyCommand({ Bucket: LOGS, Policy }));
    const { caPem } = openAuthority(await newAuthority(Date.now()));
    await storage.send(new PutObjectCommand({ Bucket: TRUST, Key: "ca.pem", Body: caPem }));
    const certificates: string[] = [];
    for (const DomainName of ["a.test", "b.test"]) {
      const request = new RequestCertificateCommand({ DomainName });
      certificates.push((await new ACMClient(api.client()).send(request)).CertificateArn ?? "");
    }
    terraform = openTerraform(
      api.environment,
      {
        vpc: Subnets[0]?.VpcId ?? "",
        subnets: Subnets.slice(0, 2)
          .map(({ SubnetId }) => SubnetId)
          .join(","),
        certificates: certificates.join(","),
      },
      CONFIGURATION,
    );
    await terraform.init();
  });
  afterAll(() => {
    activate();
    terraform?.remove();
    api.close();
  });

  it("applies, and the next plan is empty", async () => {
    await tf().apply();
    expect(await tf().plan()).toContain("No changes");
    resources = await tf().resources();
    expect(resources).toHaveLength(22);
  });

  it("updates in place", async () => {
    const change = { idle: "90" };
    expect(await tf().apply(change)).toContain("0 added, 11 changed, 0 destroyed");
    expect(await tf().plan(change)).toContain("No changes");
  });

  it("imports existing resources", async () => {
    const imported = resources.filter(({ type }) => !NOT_IMPORTED.has(type));
    await tf().reimport(imported, { idle: "90" });
    expect(await tf().plan({ idle: "90" })).toContain("No changes");
  });

  it("destroys", async () => {
    await tf().destroy({ idle: "90" });
    const kinds = ["loadBalancer", "listener", "rule", "targetGroup", "trustStore"] as const;
    const offered = ["vpcEndpoint", "endpointService", "endpointNotification"] as const;
    for (const kind of [...kinds, ...offered]) expect(api.store.keys(kind)).toEqual([]);
  });
});
