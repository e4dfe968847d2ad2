import { defineConfig } from "vitest/config";

/** unit: nothing but this process, in seconds. docker: a real engine. e2e: the shipped commands, real clients, a real browser. */
export default defineConfig({
  test: {
    reporters: ["default", "./tools/closing-line-reporter.ts"],
    projects: [
      { test: { name: "unit", globalSetup: "tools/temporary-folder.ts", include: ["packages/**/*.test.ts", "apps/**/*.test.ts", "examples/**/*.test.ts", "tools/**/*.test.ts", "test/simulation/**/*.test.ts"], testTimeout: 20_000 } },
      { test: { name: "docker", globalSetup: "tools/temporary-folder.ts", include: ["test/docker/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false } },
      { test: { name: "e2e", globalSetup: "test/e2e/shared-demo.ts", include: ["test/e2e/**/*.test.ts"], testTimeout: 300_000, hookTimeout: 600_000, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
