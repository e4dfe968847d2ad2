import { existsSync } from "node:fs";
import {
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from "@aws-sdk/client-ecs";
import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
  AuthorizeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { chromium } from "playwright-core";
import { describe, expect, inject, it } from "vitest";
import { openDemo } from "./demo.ts";
import { BROWSER_ARGUMENTS, eventually, get, run } from "./helpers.ts";
import { visitOf } from "./website-visit.ts";

const { instance, url, client, fileshare, taskContainers } = openDemo(inject("demo"));

describe("the demo", () => {
  it("runs the website at the address it prints", async () => {
    expect(url).toMatch(/^http:\/\/fileshare-\d+\.eu-south-1\.elb\.localhost/);
    expect(await get(url, { path: "/health" })).toMatchObject({ status: 200, body: '{"status":"healthy"}' });
    expect((await get(url, { path: "/balancer" })).body).toBe("BALANCER IS HEALTHY");
    expect((await get(url, { path: "/users", headers: { accept: "text/html" } })).body).toContain(
      '<div id="root">',
    );
  });

  it("changes nothing when it is run again, and reports it", async () => {
    const before = await taskContainers();
    expect(await instance.up("demo")).toContain("nothing was changed");
    expect(await taskContainers()).toEqual(before);
  });

  it.skipIf(!existsSync("/usr/bin/chromium"))(
    "works in a browser: a user registers, uploads to S3 and to the filesystem, downloads both, deletes",
    async () => {
      const browser = await chromium.launch({
        executablePath: "/usr/bin/chromium",
        args: [...BROWSER_ARGUMENTS],
      });
      try {
        const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
        page.setDefaultTimeout(120_000);
        const hosts = new Set<string>();
        page.on("request", (request) => void hosts.add(new URL(request.url()).host));
        await page.goto(`${url}users`);
        const visit = visitOf(page);
        const ada = { name: "Ada", lastname: "Lovelace", email: "ada@example.org", username: "ada" };
        await visit.register(ada);
        await page.waitForSelector("text=Ada Lovelace");
        await visit.register(ada);
        expect(await page.textContent("[role=alert]")).toBe("Duplicate username and/or email!");
        // A phone shows the whole width, and nothing comes from elsewhere.
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
        await page.click("text=Ada Lovelace");
        await page.setInputFiles("input[type=file]", {
          name: ".hidden",
          mimeType: "text/plain",
          buffer: Buffer.from("x"),
        });
        await page.click("button:has-text('Upload')");
        expect(await page.textContent("[role=alert]")).toBe(
          "This file name is not allowed: please rename the file.",
        );
        const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256));
        for (const [place, name] of [
          ["s3", "in-s3.bin"],
          ["FS", "in-files.bin"],
        ] as const) {
          await visit.upload(place, name, bytes);
          expect((await visit.download(name)).equals(bytes), `the bytes of ${name}`).toBe(true);
        }
        const stored = await new S3Client({ ...client(), forcePathStyle: true }).send(
          new GetObjectCommand({ Bucket: "fileshare-000000000000", Key: "ada/in-s3.bin" }),
        );
        expect(stored.ContentLength).toBe(bytes.length);
        await visit.remove("in-s3.bin");
        expect([...hosts]).toEqual([new URL(url).host]);
      } finally {
        await browser.close();
      }
    },
  );
});

describe("the website", () => {
  it("answers as documented: users, files in both places, and every refusal with its message", async () => {
    const call = async (method: string, path: string, body?: unknown) => {
      const json =
        body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const answer = await get(url, { method, path, ...json });
      // The website's answers are JSON.
      return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
    };
    const upload = async (path: string, name: string, text: string) => {
      const part = `Content-Disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: text/plain`;
      const answer = await get(url, {
        method: "POST",
        path,
        headers: { "content-type": "multipart/form-data; boundary=part" },
        body: `--part\r\n${part}\r\n\r\n${text}\r\n--part--`,
      });
      return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> }; // As above.
    };
    const grace = { name: "Grace", lastname: "Hopper", email: "grace@example.org", username: "grace" };
    const { status, body: user } = await call("POST", "/user-api/user", grace);
    expect([status, user]).toEqual([200, { id: user["id"], ...grace }]);
    expect(await call("POST", "/user-api/user", grace)).toEqual({
      status: 400,
      body: { error: "Duplicate username and/or email!" },
    });
    expect((await call("POST", "/user-api/user", { ...grace, username: "../up" })).status).toBe(400);
    expect(await call("GET", `/user-api/user/${user["id"]}`)).toEqual({ status: 200, body: user });
    expect(await call("GET", "/user-api/username/grace")).toEqual({ status: 200, body: user });
    expect(await call("GET", "/user-api/user/999999")).toEqual({
      status: 404,
      body: { error: "User not found!" },
    });
    expect(await call("GET", "/user-api/username/nobody")).toEqual({
      status: 404,
      body: { error: "User not found!" },
    });
    expect(await call("GET", "/user-files/attachments/nobody")).toEqual({
      status: 400,
      body: { error: "Username not found!" },
    });
    const made: unknown[] = [];
    for (const [place, type] of [
      ["", "FS"],
      ["/FS", "FS"],
      ["/s3", "s3"],
    ]) {
      const answer = await upload(`/user-files/attachment/grace${place}`, `${type}.txt`, `in ${type}`);
      expect([answer.status, answer.body["upload_type"]]).toEqual([200, type]);
      made.push(answer.body["id"]);
    }
    // The same name again is the same file.
    expect(made[1]).toBe(made[0]);
    expect(
      (await upload("/user-files/attachment/grace", "../../etc/passwd", "tricks")).body["file_name"],
    ).not.toContain("/");
    const list = JSON.parse((await get(url, { path: "/user-files/attachments/grace" })).body) as {
      id: number;
      file_name: string;
    }[]; // As above.
    expect(list.map((file) => file.file_name).toSorted()).toEqual(["FS.txt", "passwd", "s3.txt"]);
    expect((await get(url, { path: `/user-files/attachment/${made[2]}/get` })).body).toBe("in s3");
    expect((await call("GET", `/user-files/attachment/${made[2]}`)).body).toMatchObject({
      file_name: "s3.txt",
      upload_type: "s3",
    });
    expect(await call("DELETE", `/user-api/user/${user["id"]}`)).toEqual({
      status: 400,
      body: { error: "User has dependencies!" },
    });
    for (const file of list)
      expect(await call("DELETE", `/user-files/attachment/${file.id}`)).toEqual({
        status: 200,
        body: { id: file.id, deleted: true },
      });
    expect((await call("GET", `/user-files/attachment/${made[2]}/get`)).status).toBe(404);
    expect(await call("DELETE", `/user-api/user/${user["id"]}`)).toEqual({
      status: 200,
      body: { id: user["id"], deleted: true },
    });
  });
});

describe("isolation", () => {
  it("keeps a task from the database unless a security group lets it in, and names work as on AWS", async () => {
    const ec2 = new EC2Client(client());
    const ecs = new ECSClient(client());
    const { Subnets = [] } = await ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "tag:Name", Values: ["fileshare-private-b"] }] }),
    );
    const { SecurityGroups = [] } = await ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: "group-name", Values: ["fileshare-db"] }] }),
    );
    const { GroupId } = await ec2.send(
      new CreateSecurityGroupCommand({
        VpcId: Subnets[0]?.VpcId,
        GroupName: "stranger",
        Description: "no way in",
      }),
    );
    const service = await fileshare();
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: service?.taskDefinition }),
    );
    const host =
      taskDefinition?.containerDefinitions?.[0]?.environment?.find((pair) => pair.name === "DB_HOST")
        ?.value ?? "";
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: "probe",
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "probe", image: "busybox", command: ["nc", "-w", "3", host, "3306"] }],
      }),
    );
    const exitCode = async () => {
      const { tasks = [] } = await ecs.send(
        new RunTaskCommand({
          cluster: "fileshare",
          taskDefinition: "probe",
          networkConfiguration: {
            awsvpcConfiguration: { subnets: [Subnets[0]?.SubnetId ?? ""], securityGroups: [GroupId ?? ""] },
          },
        }),
      );
      return eventually(async () => {
        const [task] =
          (
            await ecs.send(
              new DescribeTasksCommand({ cluster: "fileshare", tasks: [tasks[0]?.taskArn ?? ""] }),
            )
          ).tasks ?? [];
        expect(task?.lastStatus).toBe("STOPPED");
        expect(task?.stoppedReason).toBe("Essential container in task exited");
        return task?.containers?.[0]?.exitCode;
      });
    };
    expect(await exitCode()).not.toBe(0);
    await ec2.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId: SecurityGroups[0]?.GroupId,
        IpPermissions: [{ IpProtocol: "tcp", FromPort: 3306, ToPort: 3306, UserIdGroupPairs: [{ GroupId }] }],
      }),
    );
    await eventually(async () => expect(await exitCode()).toBe(0));
  });

  it("gives a task only its role's credentials: S3 without s3:PutObject is denied", async () => {
    const [container = ""] = await taskContainers();
    const script = `
      const { request } = require("node:http");
      request("http://169.254.170.2" + process.env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, (r) => { r.pipe(process.stdout); }).end();
    `;
    const credentials = JSON.parse(await run("docker", ["exec", container, "node", "-e", script])) as {
      AccessKeyId: string;
      SecretAccessKey: string;
      Token: string;
      RoleArn: string;
    }; // The endpoint's answer.
    expect(credentials.RoleArn).toBe("arn:aws:iam::000000000000:role/fileshare-task");
    const asTask = new S3Client({
      ...client(),
      credentials: {
        accessKeyId: credentials.AccessKeyId,
        secretAccessKey: credentials.SecretAccessKey,
        sessionToken: credentials.Token,
      },
      forcePathStyle: true,
    });
    await expect(asTask.send(new CreateBucketCommand({ Bucket: "not-mine" }))).rejects.toThrow(
      expect.objectContaining({ name: "AccessDenied" }),
    );
    await asTask.send(new PutObjectCommand({ Bucket: "fileshare-000000000000", Key: "by-role" }));
  });

  it("asks the registry's clients for a token", async () => {
    const { registry } = await instance.status();
    expect((await fetch(`http://${registry}/v2/`)).status).toBe(401);
    expect(
      (
        await fetch(`http://${registry}/v2/`, {
          headers: { authorization: `Basic ${Buffer.from("AWS:made-up").toString("base64")}` },
        })
      ).status,
    ).toBe(401);
  });
});
