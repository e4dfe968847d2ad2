import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateRepositoryCommand, DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { CreateFileSystemCommand, DeleteFileSystemCommand, EFSClient } from "@aws-sdk/client-efs";
import { present } from "@gantry/kernel";
import { buildDebianImage, pauseRecipe } from "@gantry/images";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { openDemo, REGION } from "./demo.ts";
import { eventually, run, startLoop } from "./helpers.ts";
import { openTasks } from "./tasks.ts";

const demo = openDemo(inject("demo"));
const { instance, url, client, name, taskContainers, namesAndCredentials } = demo;
let tasks: Awaited<ReturnType<typeof openTasks>>;

beforeAll(async () => {
  tasks = await openTasks(demo);
});

/** An SDK of 2022, which knows no setting for an endpoint: names, certificates and credentials must be AWS's. */
const BOTO = `
import boto3, botocore, os
print("boto3", boto3.__version__)
print(boto3.client("sts").get_caller_identity()["Arn"])
bucket = "fileshare-000000000000"
for style in ("path", "virtual"):
    s3 = boto3.client("s3", config=botocore.config.Config(s3={"addressing_style": style}))
    s3.put_object(Bucket=bucket, Key="from/python-" + style, Body=b"bytes " * 1000)
    assert s3.get_object(Bucket=bucket, Key="from/python-" + style)["Body"].read() == b"bytes " * 1000
    print(style, s3.head_object(Bucket=bucket, Key="from/python-" + style)["ContentLength"])
    s3.delete_object(Bucket=bucket, Key="from/python-" + style)
try:
    boto3.client("ecs").list_clusters()
except botocore.exceptions.ClientError as thrown:
    print(thrown.response["Error"]["Code"])
`;

describe("applications written for AWS", () => {
  it("run unedited with an old SDK of another language", async () => {
    const { repository } = await new ECRClient(client()).send(
      new CreateRepositoryCommand({ repositoryName: "python" }),
    );
    const image = `${repository?.repositoryUri}:1`;
    await buildDebianImage(
      {
        ...pauseRecipe,
        tag: image,
        packages: ["python3-boto3", "python3", "libpython3-stdlib", "busybox-static"],
        without: ["openssl", "debconf", "perl-base", "perl", "media-types", "dpkg"],
        changes: ["ENV PATH=/usr/bin:/usr/sbin"],
      },
      { cacheFolder: join(instance.folder, "cache"), label: "gantry.image=true" },
    );
    const digest = await demo.push(image);
    const { imageDetails = [] } = await new ECRClient(client()).send(
      new DescribeImagesCommand({ repositoryName: "python" }),
    );
    expect(imageDetails[0]).toMatchObject({ imageDigest: digest, imageTags: ["1"] });
    await run("docker", ["rmi", "-f", image]);
    const main = {
      // AWS's own form of the name, by digest.
      image: `000000000000.dkr.ecr.${REGION}.amazonaws.com/python@${digest}`,
      command: ["python3", "-c", BOTO],
      environment: [{ name: "AWS_DEFAULT_REGION", value: REGION }],
    };
    const task = await tasks.runToEnd("python", main, {
      definition: { taskRoleArn: "arn:aws:iam::000000000000:role/fileshare-task" },
    });
    expect(task?.stoppedReason).toBe("Essential container in task exited");
    const said = await tasks.messagesOf("python", task, 5);
    expect(said.slice(1), said.join("\n")).toEqual([
      expect.stringMatching(/^arn:aws:sts::000000000000:assumed-role\/fileshare-task\//),
      "path 6000",
      "virtual 6000",
      "AccessDeniedException",
    ]);
    expect(said[0]).toMatch(/^boto3 1\.2[0-7]\./);
    expect(task?.containers?.[0]).toMatchObject({ exitCode: 0, imageDigest: digest });
    // What came over the wire is what went: the digest is computed again by the engine.
    expect(
      await run("docker", [
        "image",
        "inspect",
        "-f",
        "{{json .RepoDigests}}",
        `${repository?.repositoryUri}@${digest}`,
      ]),
    ).toContain(digest);
  });

  it("get their lines as events: several lines as one by a pattern, and none lost in blocking mode", async () => {
    const script =
      'echo "2026 first"; echo "  at one"; echo "  at two"; echo "2026 second"; i=0; while [ $i -lt ' +
      '2000 ]; do echo "2026 line $i"; i=$((i+1)); done';
    const options = { "awslogs-multiline-pattern": "^2026", mode: "non-blocking", "max-buffer-size": "4m" };
    const task = await tasks.runToEnd("lines", {
      command: ["sh", "-c", script],
      logConfiguration: { logDriver: "awslogs", options },
    });
    const said = await tasks.messagesOf("lines", task, 2_002);
    expect(said.slice(0, 3)).toEqual(["2026 first\n  at one\n  at two", "2026 second", "2026 line 0"]);
    expect(said).toHaveLength(2002);
  });
});

describe("file systems", () => {
  it("are on the node while they exist, and their files are removed with them", async () => {
    const efs = new EFSClient(client());
    const { FileSystemId } = await efs.send(new CreateFileSystemCommand({ CreationToken: "e2e" }));
    const mountpoint = (
      await run("docker", ["volume", "inspect", "-f", "{{.Mountpoint}}", `gantry-${name}`])
    ).trim();
    const folder = join(mountpoint, "efs", FileSystemId ?? "");
    await eventually(async () => expect(existsSync(folder)).toBe(true));
    writeFileSync(join(folder, "file"), "bytes");
    await efs.send(new DeleteFileSystemCommand({ FileSystemId }));
    await eventually(async () => expect(existsSync(folder)).toBe(false));
  });
});

describe("the node agent", () => {
  it("is killed and adopts running tasks: no task ends, no request fails, new tasks start", async () => {
    const before = await taskContainers();
    const { agents } = await instance.status();
    const loop = startLoop(url, "/version");
    // Nobody is refused meanwhile: who asks waits for the next try of the resolver, or of TCP.
    const inside = namesAndCredentials(before[0] ?? "", { seconds: 8, tries: 1 });
    await new Promise((done) => setTimeout(done, 500));
    process.kill(present(agents[0], "The agent is there.").pid, "SIGKILL");
    await eventually(async () => {
      const now = (await instance.status()).agents[0]?.pid;
      expect(now).toBeGreaterThan(0);
      expect(now).not.toBe(agents[0]?.pid);
    });
    const task = await tasks.runToEnd("after", { command: ["true"] });
    expect(task?.containers?.[0]?.exitCode).toBe(0);
    const { good, failures: unanswered } = await inside;
    // But for the one that was under way: its connection breaks with the process.
    expect(unanswered.filter((failure) => !failure.includes("ECONNRESET"))).toEqual([]);
    expect(unanswered.length).toBeLessThanOrEqual(1);
    expect(good).toBeGreaterThan(5);
    const { count, failures } = await loop.stop();
    expect(count).toBeGreaterThan(100);
    expect(failures).toEqual([]);
    expect(await taskContainers()).toEqual(before);
  });
});

describe("the command line", () => {
  it("reports the machine, the logs of the parts, and the owner of a port", async () => {
    expect(await instance.gantry("doctor")).toMatch(/^ok {7}Docker Engine: /m);
    expect(await instance.gantry("logs", "agent")).toContain("Agent started");
    await expect(
      run("./gantry", [
        "up",
        "--port",
        String(instance.port),
        "--state-dir",
        join(mkdtempSync(join(tmpdir(), "gantry-other-")), "state"),
      ]),
    ).rejects.toThrow(`Port ${instance.port} is used by another Gantry (instance ${name},`);
    await expect(instance.gantry("up", "--frobnicate")).rejects.toThrow(
      'gantry: "gantry up" has no option --frobnicate: it has --port,',
    );
  });

  it("ends quietly when its output is closed", async () => {
    const command =
      `set -o pipefail; for i in 1 2 3 4 5; do ./gantry env --state-dir ${instance.folder} | true || ` +
      "exit 1; done";
    expect(await run("bash", ["-c", `${command} 2>&1`])).toBe("");
  });
});

/** Logs in with a configuration of its own, pushes, and answers the digest that the registry gave. */
