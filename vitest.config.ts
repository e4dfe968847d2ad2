import { defineConfig } from "vitest/config";

const UNIT = [
  "packages/**/*.test.ts",
  "apps/**/*.test.ts",
  "examples/**/*.test.ts",
  "tools/**/*.test.ts",
  "bench/**/*.test.ts",
  "test/attacks/**/*.unit.test.ts",
];
/** Tests with a platform of their own: with its clock moved, killed, on another engine, released. */
const INSTANCES = [
  "test/e2e/auto-scaling.test.ts",
  "test/e2e/clock.test.ts",
  "test/e2e/disk.test.ts",
  "test/e2e/down-and-up.test.ts",
  "test/e2e/engine.test.ts",
  "test/e2e/random-kills.test.ts",
  "test/attacks/agent-link.e2e.test.ts",
  "test/attacks/listen.e2e.test.ts",
  "test/attacks/poisoned-balancers.e2e.test.ts",
  "test/attacks/poisoned-firewall.e2e.test.ts",
  "test/attacks/rotations.e2e.test.ts",
];
/** Wait for ends of minutes and for packets that must not arrive, and build and install releases. */
const WAITING = [
  "test/e2e/metrics.test.ts",
  "test/e2e/release.test.ts",
  "test/attacks/spoofing.e2e.test.ts",
  "test/attacks/vpc-connections.e2e.test.ts",
  "test/attacks/vpc-reach.e2e.test.ts",
];
/** Counts what is on the machine, and needs it for itself. */
const MACHINE = ["test/e2e/many-tasks.test.ts"];
const temporaryFolder = "tools/temporary-folder.ts";
/** These limits end what hangs. They are no bounds on speed: a busy machine multiplies how long a test takes. */
const HANGS = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 15_000 } } };

/**
 * unit: this process alone, in seconds. simulation: the platform on virtual time, under faults. docker: a
 * real engine and real programs. clients: Terraform, SDKs and image tools, which wait most of their time;
 * they run beside the three before. e2e: the shipped commands, the AWS command lines, a real browser, on a
 * demo that they share. instances: the same on instances of their own, and on a demo whose clock they move;
 * they run beside e2e. waiting: needs the processors little, two files at a time on another demo; beside both.
 * machine: has the machine to itself. Attacks (test/attacks) run in the tier that their names end with; without
 * one, in docker.
 */
export default defineConfig({
  test: {
    reporters: ["default", "./tools/closing-line-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          globalSetup: [temporaryFolder, "tools/members/collect-sent.ts"],
          include: UNIT,
          ...HANGS,
          // The files of a worker share what they import: imports were two thirds of the time.
          isolate: false,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "simulation",
          globalSetup: temporaryFolder,
          include: ["test/simulation/**/*.test.ts"],
          ...HANGS,
          maxWorkers: 2,
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: "docker",
          globalSetup: temporaryFolder,
          include: ["test/docker/**/*.test.ts", "test/attacks/**/*.test.ts"],
          exclude: ["test/attacks/**/*.unit.test.ts", "test/attacks/**/*.e2e.test.ts"],
          ...HANGS,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "clients",
          globalSetup: "test/e2e/shared-demo.ts",
          include: ["test/clients/**/*.test.ts"],
          ...HANGS,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Terraform's provider waits between its calls, so three files share the processors well.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: "e2e",
          globalSetup: "test/e2e/shared-demo.ts",
          include: ["test/e2e/**/*.test.ts", "test/attacks/**/*.e2e.test.ts"],
          exclude: [...INSTANCES, ...WAITING, ...MACHINE],
          ...HANGS,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "instances",
          globalSetup: "test/e2e/shared-demo.ts",
          include: INSTANCES,
          ...HANGS,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "waiting",
          globalSetup: "test/e2e/shared-demo.ts",
          include: WAITING,
          ...HANGS,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: "machine",
          globalSetup: temporaryFolder,
          include: MACHINE,
          ...HANGS,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
