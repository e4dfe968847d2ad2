import * as ecr from "@aws-sdk/client-ecr";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { admitOther, OTHER } from "./other-account.ts";

// The root user of another account logs in to the registry and names a repository of this one.
// Before: root was asked for nothing where a repository has no policy, so that the other account pulled,
// pushed and deleted.
const VICTIM = "000000000000.dkr.ecr.eu-south-1.amazonaws.com/app";
const api = await startApi();
afterAll(() => api.close());
const owner = new ecr.ECRClient(api.client());
let login = "";

beforeAll(async () => {
  admitOther(api);
  await owner.send(new ecr.CreateRepositoryCommand({ repositoryName: "app" }));
  const other = new ecr.ECRClient(api.client(OTHER));
  const { authorizationData } = await other.send(new ecr.GetAuthorizationTokenCommand({}));
  login = authorizationData?.[0]?.authorizationToken ?? "";
});

async function status(method: string, path: string): Promise<number> {
  const headers = { authorization: `Basic ${login}` };
  const answer = await fetch(`http://127.0.0.1:${api.registryPort}/v2/${VICTIM}/${path}`, {
    method,
    headers,
  });
  return answer.status;
}

it("neither pulls from nor pushes to a repository without a policy", async () => {
  const before = api.store.revision;
  expect(await status("GET", "tags/list")).toBe(403);
  expect(await status("GET", "manifests/latest")).toBe(403);
  expect(await status("HEAD", `blobs/sha256:${"0".repeat(64)}`)).toBe(403);
  expect(await status("POST", "blobs/uploads/")).toBe(403);
  expect(await status("DELETE", "manifests/latest")).toBe(403);
  expect(api.store.revision).toBe(before);
});

it("may do what the repository's policy allows, and no more", async () => {
  const Statement = {
    Effect: "Allow",
    Principal: { AWS: "111111111111" },
    Action: ["ecr:ListImages", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
  };
  const policyText = JSON.stringify({ Version: "2012-10-17", Statement });
  await owner.send(new ecr.SetRepositoryPolicyCommand({ repositoryName: "app", policyText }));
  expect(await status("GET", "tags/list")).toBe(200);
  expect(await status("GET", "manifests/latest")).toBe(404);
  expect(await status("POST", "blobs/uploads/")).toBe(403);
});
