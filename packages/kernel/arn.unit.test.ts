import { expect, it } from "vitest";
import { arnPart } from "./arn.ts";

it.each([
  "arn:aws:ecs:eu-south-1:000000000000:task/bench/0123",
  "arn:aws:sts::000000000000",
  "arn:aws:s3:::bucket/key:with:colons",
  "arn:aws:sqs:eu-south-1",
  "arn:aws:iam::000000000000:",
  "arn",
  "*",
  "",
  "::::",
  ":::::::",
])("cuts the parts out of %j that splitting it yields", (text) => {
  for (const number of [2, 3, 4] as const) expect(arnPart(text, number)).toBe(text.split(":")[number] ?? "");
});
