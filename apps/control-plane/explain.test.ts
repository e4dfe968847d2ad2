import { policyDecider } from "@gantry/api/iam/decide";
import { MemoryStore, type RoleRecord } from "@gantry/state";
import { expect, it } from "vitest";
import { explain } from "./explain.ts";

const statement = (Sid: string, Effect: string, Action: string) => ({ Sid, Effect, Action, Resource: "*" });
const role: RoleRecord = {
  type: "role",
  arn: "arn:aws:iam::1:role/website",
  account: "1",
  id: "AROA",
  name: "website",
  path: "/",
  description: undefined,
  trustPolicy: "{}",
  maxSessionSeconds: 3_600,
  inlinePolicies: {
    own: JSON.stringify({
      Version: "2012-10-17",
      Statement: [statement("Read", "Allow", "s3:Get*"), statement("Never", "Deny", "s3:GetObjectAcl")],
    }),
  },
  attachedPolicies: [],
  permissionsBoundary: undefined,
  createdAt: 0,
  tags: {},
};

it("explains whether a role is allowed, and by which statement", () => {
  const store = new MemoryStore();
  store.transact((tx) => tx.put("role", role.arn, role));
  const policy = policyDecider({ store, now: () => 0 });
  const ask = (principal: string, action: string) =>
    explain(policy, store, new URLSearchParams({ principal, action, resource: "arn:aws:s3:::b/k" }));
  expect(ask("website", "s3:GetObject")).toMatchObject({
    allowed: true,
    statements: [{ policy: "own", number: 1, sid: "Read", effect: "Allow" }],
  });
  expect(ask(role.arn, "s3:GetObjectAcl")).toMatchObject({
    allowed: false,
    statements: [{ policy: "own", number: 2, sid: "Never", effect: "Deny" }],
  });
  expect(ask("website", "s3:PutObject")).toMatchObject({
    allowed: false,
    statements: [],
    reason:
      "User: arn:aws:sts::1:assumed-role/website/explained is not authorized to perform: s3:PutObject " +
      'on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action',
  });
  expect(ask("nobody", "s3:PutObject")).toMatchObject({
    principal: undefined,
    reason: 'There is no user or role "nobody".',
  });
});
