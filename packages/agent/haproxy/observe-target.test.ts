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
