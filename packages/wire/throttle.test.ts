import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient, ListClustersCommand } from "@aws-sdk/client-ecs";
import { IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { startApi } from "@gantry/testkit";
import { expect, it } from "vitest";

it("throttles in the words of each protocol, and the SDKs retry", async () => {
  const api = await startApi({ inFlightMax: 0 });
  const patient = { ...api.client(), maxAttempts: 2, forcePathStyle: true };
  const refusal = (name: string, httpStatusCode: number) => ({
    name,
    $metadata: { httpStatusCode, attempts: 2 },
  });
  await expect(new ECSClient(patient).send(new ListClustersCommand({}))).rejects.toMatchObject(
    refusal("ThrottlingException", 400),
  );
  await expect(new IAMClient(patient).send(new ListUsersCommand({}))).rejects.toMatchObject(
    refusal("Throttling", 400),
  );
  await expect(new EC2Client(patient).send(new DescribeVpcsCommand({}))).rejects.toMatchObject(
    refusal("RequestLimitExceeded", 503),
  );
  await expect(new S3Client(patient).send(new ListBucketsCommand({}))).rejects.toMatchObject(
    refusal("SlowDown", 503),
  );
  api.close();
});
