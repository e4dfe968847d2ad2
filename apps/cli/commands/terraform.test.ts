import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstance, type StartOptions } from "@gantry/control-plane";
import { SystemClock } from "@gantry/kernel";
import { afterEach, expect, it } from "vitest";
import { Progress } from "../progress.ts";
import { availableCommands } from "./table.ts";
import { run, terraformEnvironment } from "./terraform.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newInstance(given: StartOptions = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-terraform-command-"));
  folders.push(folder);
  ensureInstance(folder, 34_500, given);
  writeFileSync(
    join(folder, "credentials"),
    "[default]\naws_access_key_id = AKIAROOT\naws_secret_access_key = secret\n",
  );
  return folder;
}

it("points the provider at the instance, whatever the caller's environment points at", () => {
  const folder = newInstance();
  const environment = terraformEnvironment(folder, {
    PATH: "/bin",
    TF_VAR_name: "kept",
    AWS_ENDPOINT_URL_ECS: "https://elsewhere",
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true",
    AWS_PROFILE: "production",
    AWS_SESSION_TOKEN: "token",
    AWS_SECRET_ACCESS_KEY: "production's",
  });
  expect(environment).toMatchObject({
    PATH: "/bin",
    TF_VAR_name: "kept",
    AWS_ENDPOINT_URL: "http://127.0.0.1:34500",
    AWS_ENDPOINT_URL_S3: "http://127.0.0.1:34500",
    AWS_ENDPOINT_URL_S3_CONTROL: "http://s3-control.localhost:34500",
    AWS_ACCESS_KEY_ID: "AKIAROOT",
    AWS_SECRET_ACCESS_KEY: "secret",
  });
  for (const name of [
    "AWS_ENDPOINT_URL_ECS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
  ])
    expect(environment).not.toHaveProperty(name);
});

it("uses TLS where plain HTTP is not secure transport", () => {
  const folder = newInstance({ plainHttp: "insecure" });
  expect(terraformEnvironment(folder, {})).toMatchObject({
    AWS_ENDPOINT_URL: "https://127.0.0.1:34500",
    AWS_CA_BUNDLE: join(folder, "ca.pem"),
  });
});

it("keeps the tool's exit status, and names a tool that is missing", async () => {
  const folder = newInstance();
  const path = process.env["PATH"];
  process.env["PATH"] = `${folder}:${path}`;
  const command = availableCommands().find(({ name }) => name === "tofu");
  if (command === undefined) throw new Error("There is no command tofu.");
  const clock = new SystemClock();
  const call = {
    deps: { clock, progress: new Progress(clock, () => {}) },
    commands: [],
    command,
    folder,
    words: [],
    rest: ["-chdir=x", "plan", "-detailed-exitcode"],
    flag: () => false,
    value: () => undefined,
  };
  try {
    await expect(run(call)).rejects.toThrow("tofu is not on your PATH: install it first.");
    const tool = join(folder, "tofu");
    writeFileSync(tool, '#!/bin/sh\n[ "$1 $2 $3" = "-chdir=x plan -detailed-exitcode" ] && exit 2\nexit 9\n');
    chmodSync(tool, 0o755);
    expect(await run(call)).toBe(2);
  } finally {
    process.env["PATH"] = path;
  }
});
