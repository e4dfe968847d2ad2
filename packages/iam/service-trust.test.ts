import { describe, expect, it } from "vitest";
import { ecsTasks, trustsService } from "./service-trust.ts";

const TASK = "arn:aws:ecs:eu-south-1:000000000000:task/main/1";
const allow = {
  Effect: "Allow",
  Principal: { Service: "ecs-tasks.amazonaws.com" },
  Action: "sts:AssumeRole",
};
const trusts = (...Statement: object[]) =>
  trustsService(
    {
      arn: "arn:aws:iam::000000000000:role/r",
      trustPolicy: JSON.stringify({ Version: "2012-10-17", Statement }),
    },
    ecsTasks(TASK, 0),
  );

describe("trustsService", () => {
  it("trusts a service that the trust policy names", () => expect(trusts(allow)).toBe(true));

  // Regression: a text that contained "ecs-tasks.amazonaws.com" anywhere counted as trust.
  it.each([
    ["a Deny of the service", [allow, { ...allow, Effect: "Deny" }]],
    ["a Deny alone", [{ ...allow, Effect: "Deny" }]],
    ["another action", [{ ...allow, Action: "sts:TagSession" }]],
    [
      "the name in a Sid",
      [{ ...allow, Sid: "ecs-tasks.amazonaws.com", Principal: { Service: "ec2.amazonaws.com" } }],
    ],
    ["another account", [{ ...allow, Condition: { StringEquals: { "aws:SourceAccount": "111111111111" } } }]],
    [
      "another region",
      [{ ...allow, Condition: { ArnLike: { "aws:SourceArn": "arn:aws:ecs:us-east-1:000000000000:*" } } }],
    ],
  ])("refuses by %s", (_, statements) => expect(trusts(...statements)).toBe(false));

  it("compares the source's ARN and account", () => {
    const Condition = {
      ArnLike: { "aws:SourceArn": "arn:aws:ecs:eu-south-1:000000000000:*" },
      StringEquals: { "aws:SourceAccount": "000000000000" },
    };
    expect(trusts({ ...allow, Condition })).toBe(true);
  });
});
