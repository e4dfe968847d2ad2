import { describe, expect, it } from "vitest";
import { observeTarget } from "./observe-target.ts";

const target = { address: "10.0.0.4", port: 80, draining: false, isNew: false };
const healthOf = (status: string, checkStatus: string) =>
  observeTarget("tg", target, { status, checkStatus, checkCode: "200", lastCheck: "", sessions: 0 }, false)
    .health;

describe("what the proxy's checks say of a target", () => {
  it.each([
    ["UP", "L7OK", "healthy"],
    ["UP 1/2", "L4CON", "healthy"],
    ["DOWN", "", "initial"],
    ["DOWN", "INI", "initial"],
    // The check passes, but not yet often enough in a row.
    ["DOWN 1/5", "L7OK", "initial"],
    ["DOWN", "L4CON", "unhealthy"],
    ["DOWN", "L7STS", "unhealthy"],
    ["DOWN", "L4TOUT", "unhealthy"],
  ])("%s after %j is %s", (status, checkStatus, health) => {
    expect(healthOf(status, checkStatus)).toBe(health);
  });
});

// Source: API_TargetHealth, and "Health checks for your target groups", target health reason codes.
describe("the words of a target's health", () => {
  const stat = (status: string, checkStatus: string, checkCode = "") => ({
    ...{ status, checkStatus, checkCode, lastCheck: "", sessions: 0 },
  });
  it.each([
    [undefined, "initial", "Elb.RegistrationInProgress", "Target registration is in progress"],
    [stat("DOWN", "INI"), "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"],
    [stat("DOWN 1/3", "L7OK"), "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"],
    [stat("UP", "L7OK"), "healthy", undefined, undefined],
    [
      stat("DOWN", "L7STS", "404"),
      "unhealthy",
      "Target.ResponseCodeMismatch",
      "Health checks failed with these codes: [404]",
    ],
    [stat("DOWN", "L4TOUT"), "unhealthy", "Target.Timeout", "Request timed out"],
    [stat("DOWN", "L6TOUT"), "unhealthy", "Target.Timeout", "Request timed out"],
    [stat("DOWN", "L7TOUT"), "unhealthy", "Target.Timeout", "Request timed out"],
    [stat("DOWN", "L4CON"), "unhealthy", "Target.FailedHealthChecks", "Health checks failed"],
    [stat("DOWN", "L6RSP"), "unhealthy", "Target.FailedHealthChecks", "Health checks failed"],
    [stat("DOWN", "L7RSP"), "unhealthy", "Target.FailedHealthChecks", "Health checks failed"],
  ])("%j is %s for %s", (given, health, reason, description) => {
    expect(observeTarget("tg", target, given, false)).toMatchObject({ health, reason, description });
  });
});
