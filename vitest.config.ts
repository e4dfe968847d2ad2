import { defineConfig } from "vitest/config";

const UNIT = [
  "packages/**/*.test.ts",
  "apps/**/*.test.ts",
  "examples/**/*.test.ts",
  "tools/**/*.test.ts",
  "test/attacks/**/*.unit.test.ts",
];
const temporaryFolder = "tools/temporary-folder.ts";

/**
 * unit: this process alone, in seconds. simulation: the platform on virtual time, under faults. docker: a real engine and
 * real programs. clients: Terraform, SDKs and image tools, which wait most of their time; they run beside the three
 * before. e2e: the shipped commands, the AWS command lines, a real browser, with the machine to themselves. Attacks
 * (test/attacks) run in the tier that their names end with; without one, in docker.
 */
export default defineConfig({
  test: {
    reporters: ["default", "./tools/closing-line-reporter.ts"],
    projects: [
      { test: { name: "unit", globalSetup: temporaryFolder, include: UNIT, testTimeout: 20_000 } },
      {
        test: {
          name: "simulation",
          globalSetup: temporaryFolder,
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "docker",
          globalSetup: temporaryFolder,
          include: ["test/docker/**/*.test.ts", "test/attacks/**/*.test.ts"],
          exclude: ["test/attacks/**/*.unit.test.ts", "test/attacks/**/*.e2e.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "clients",
          globalSetup: "test/e2e/shared-demo.ts",
          include: ["test/clients/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          globalSetup: "test/e2e/shared-demo.ts",
          include: ["test/e2e/**/*.test.ts", "test/attacks/**/*.e2e.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
