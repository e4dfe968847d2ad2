import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CodeDeployClient,
  CreateDeploymentCommand,
  waitUntilDeploymentSuccessful,
} from "@aws-sdk/client-codedeploy";
import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import { DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr";
import { CreateClusterCommand, DescribeServicesCommand, ECSClient } from "@aws-sdk/client-ecs";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  canRunTerraform,
  openTerraform,
  openTerraformIn,
  writeSettings,
} from "../../tools/terraform/terraform.ts";
import { openDemo } from "../e2e/demo.ts";
import { BROWSER_ARGUMENTS, eventually, newInstance, PROJECT, run } from "../e2e/helpers.ts";
import { visitOf } from "../e2e/website-visit.ts";
import { debianPackages, has } from "./clients.ts";
import { whatIsThere } from "./what-is-there.ts";

const canRun = canRunTerraform();
if (!canRun)
  process.stderr.write(
    "\nTerraform or its AWS provider is not here: the tests of the website's Terraform are skipped.\n",
  );
const canBrowse = ["chromium", "apt-get", "java"].every(has);

const DOMAIN = "fileshare.example.com";
const RESOURCES = 93;
const gantry = join(PROJECT, "gantry");
/** Programs that have trust stores of their own. Firefox's store is read with NSS, the library that Firefox uses. */
const PROGRAMS = ["curl", "chromium", "firefox", "java", "node"];
const FETCH_JAVA = `
class Fetch {
  public static void main(String[] parameters) throws Exception {
    System.out.println(new String(new java.net.URL(parameters[0]).openStream().readAllBytes()));
  }
}`;
const ADA = { name: "Ada", lastname: "Lovelace", email: "ada@example.org", username: "ada" };
const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256));

/**
 * The talk's whole infrastructure as a person makes it, `gantry demo --terraform`, on an instance of its own: driven by
 * a browser over its Route 53 names, changed, rolled forward, imported and destroyed.
 */
describe.skipIf(!canRun)("the website's Terraform", async () => {
  const instance = await newInstance();
  const folder = mkdtempSync(join(tmpdir(), "gantry-website-test-"));
  const [settings, resolvConf] = [writeSettings(folder), join(folder, "resolv.conf")];
  const configuration = join(instance.folder, "terraform");
  const firefox = join(folder, ".mozilla/firefox/used");
  let demo: ReturnType<typeof openDemo>;
  let [first, second]: [ReturnType<typeof openTerraformIn>?, ReturnType<typeof openTerraform>?] = [];
  let before: Awaited<ReturnType<typeof whatIsThere>>;
  let image_tag = "";
  let [browser, page]: [Browser?, Page?] = [];

  const changes = () => ({
    ...{ image_tag, environment: "staging", app_version: "2", desired_count: "3" },
    administrators: '["0.0.0.0/0", "10.1.2.3/32"]',
    // Traffic moves at once, and the version before ends at once.
    ...{ deployment_config: "CodeDeployDefault.ECSAllAtOnce", keep_minutes: "0" },
  });
  const service = async () =>
    (
      await new ECSClient(demo.client()).send(
        new DescribeServicesCommand({ cluster: "fileshare", services: ["fileshare"] }),
      )
    ).services?.[0];
  /** The test's own resolver file and trust stores in the place of the host's. */
  const mounts = `mount --bind ${resolvConf} /etc/resolv.conf
    mount --bind ${folder}/ssl /etc/ssl
    mount --bind ${folder}/anchors /usr/local/share/ca-certificates`;
  /** Runs a script as on a host of the test's own, by another user. */
  const onHost = (script: string) =>
    run("unshare", ["--mount", "bash", "-ec", `${mounts}\n${script}`], {
      ...{ HOME: folder, GANTRY_HOME: instance.folder },
    });
  /** Which programs reach the website by its name and trust its certificate, each by its own trust store. */
  const trustedBy = async () => {
    const url = `https://www.${DOMAIN}/health`;
    const fetching = `fetch("${url}").then((each) => each.text()).then(console.log)`;
    const commands = {
      curl: `curl -sS ${url}`,
      chromium: `chromium --headless ${BROWSER_ARGUMENTS.join(" ")} --dump-dom ${url}`,
      firefox: `tstclnt -d sql:${firefox} -h www.${DOMAIN} -4 -Q && echo healthy`,
      java: `java ${folder}/Fetch.java ${url}`,
      node: `NODE_EXTRA_CA_CERTS=${instance.folder}/ca.pem node -e '${fetching}'`,
    };
    const trusting = Object.entries(commands).map(async ([program, command]) => {
      const said = await onHost(command).catch(() => "");
      return said.includes("healthy") ? [program] : [];
    });
    return (await Promise.all(trusting)).flat();
  };

  beforeAll(async () => {
    await instance.up("up");
    // What is there before and has nothing to do with the website stays as it is.
    const environment = await instance.environment();
    demo = openDemo({ folder: instance.folder, port: instance.port, url: "", environment });
    const config = demo.client();
    await new EC2Client(config).send(new CreateVpcCommand({ CidrBlock: "10.99.0.0/16" }));
    await new ECSClient(config).send(new CreateClusterCommand({ clusterName: "another" }));
    await new S3Client({ ...config, forcePathStyle: true }).send(
      new CreateBucketCommand({ Bucket: "another" }),
    );
    before = await whatIsThere(config);
  });
  afterAll(async () => {
    await browser?.close();
    second?.remove();
    await instance.gantry("down", "--purge");
    rmSync(folder, { recursive: true });
  });

  it('is applied by "gantry demo --terraform", and a plan has nothing to do', async () => {
    const printed = await run(
      gantry,
      ["demo", "--terraform", "--json", "--state-dir", instance.folder, "--port", String(instance.port)],
      { TF_CLI_CONFIG_FILE: settings, CHECKPOINT_DISABLE: "1" },
    );
    expect(JSON.parse(printed.trim().split("\n").at(-1) ?? "")).toMatchObject({ changed: true });
    expect(await service()).toMatchObject({ desiredCount: 2, runningCount: 2 });
    const { imageDetails = [] } = await new ECRClient(demo.client()).send(
      new DescribeImagesCommand({ repositoryName: "fileshare" }),
    );
    image_tag = imageDetails[0]?.imageTags?.[0] ?? "";
    first = openTerraformIn(
      configuration,
      { ...demo.environment, TF_CLI_CONFIG_FILE: settings },
      {
        db_password: readFileSync(join(configuration, "database-password"), "utf8"),
        bastion_public_key: readFileSync(join(configuration, "bastion-key.pub"), "utf8").trim(),
        administrators: '["0.0.0.0/0"]',
        image_tag,
      },
    );
    expect(await first.plan()).toContain("No changes. Your infrastructure matches the configuration.");
    expect(await first.resources()).toHaveLength(RESOURCES);
  });

  it.skipIf(!canBrowse)(
    "has names and a certificate that every program of the host knows once they are installed",
    async () => {
      copyFileSync("/etc/resolv.conf", resolvConf);
      cpSync("/etc/ssl", join(folder, "ssl"), { recursive: true, verbatimSymlinks: true });
      mkdirSync(join(folder, "anchors"));
      writeFileSync(join(folder, "Fetch.java"), FETCH_JAVA);
      await debianPackages("libnss3-tools");
      // A profile of Firefox that has been used.
      await run("sh", ["-ec", `mkdir -p ${firefox}; certutil -N -d sql:${firefox} --empty-password`]);
      expect(await onHost(`${gantry} dns install`)).toContain(DOMAIN);
      // Node's is the file that its variable names.
      expect(await trustedBy()).toEqual(["node"]);
      const installed = await onHost(`${gantry} ca install`);
      for (const store of ["system", "Chromium", "Firefox (used)", "Java"])
        expect(installed).toMatch(new RegExp(`^${store.replaceAll(/[()]/g, "\\$&")} +added$`, "m"));
      expect(await trustedBy()).toEqual(PROGRAMS);
    },
  );

  it.skipIf(!canBrowse)(
    "is used by a browser over its names in Route 53, whose certificate it trusts",
    async () => {
      const key = join(configuration, "bastion-key");
      const options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
      expect(await onHost(`ssh -i ${key} ${options} ec2-user@deploy.${DOMAIN} whoami`)).toBe("ec2-user\n");
      const program = join(folder, "chromium");
      writeFileSync(
        program,
        `#!/bin/sh
exec unshare --mount sh -ec '${mounts}; exec chromium "$@"' chromium "$@"
`,
        { mode: 0o700 },
      );
      browser = await chromium.launch({
        executablePath: program,
        args: [...BROWSER_ARGUMENTS],
        env: { ...process.env, HOME: folder },
      });
      page = await browser.newPage();
      page.setDefaultTimeout(60_000);
      // To HTTPS, and from the domain to its name www.
      await page.goto(`http://${DOMAIN}/users`);
      expect(page.url()).toBe(`https://www.${DOMAIN}/users`);
      const visit = visitOf(page);
      await visit.register(ADA);
      await page.click("text=Ada Lovelace");
      for (const [place, name] of [
        ["s3", "in-s3.bin"],
        ["FS", "in-files.bin"],
      ] as const) {
        await visit.upload(place, name, BYTES);
        expect((await visit.download(name)).equals(BYTES), `the bytes of ${name}`).toBe(true);
      }
    },
  );

  it("is changed in place (count, tag, rule, environment), and the next plan is empty", async () => {
    const output = await first?.apply(changes());
    expect(output).toMatch(/Apply complete! Resources: 2 added, \d+ changed, 1 destroyed/);
    expect(output).toContain("aws_ecs_task_definition.app must be replaced");
    expect(output).not.toMatch(/(?<!task_definition\.app) must be replaced/);
    expect(await first?.plan(changes())).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
    // Auto scaling's new minimum.
    await eventually(async () => expect(await service()).toMatchObject({ desiredCount: 3, runningCount: 3 }));
  });

  it("is rolled forward by CodeDeploy", async () => {
    const Properties = {
      TaskDefinition: await first?.output("task_definition"),
      LoadBalancerInfo: { ContainerName: "fileshare-app", ContainerPort: 8080 },
    };
    const content = JSON.stringify({
      version: "0.0",
      Resources: [{ TargetService: { Type: "AWS::ECS::Service", Properties } }],
    });
    const codeDeploy = new CodeDeployClient(demo.client());
    const { deploymentId = "" } = await codeDeploy.send(
      new CreateDeploymentCommand({
        applicationName: "fileshare",
        deploymentGroupName: "fileshare",
        revision: { revisionType: "AppSpecContent", appSpecContent: { content } },
      }),
    );
    await waitUntilDeploymentSuccessful(
      { client: codeDeploy, maxWaitTime: 180, minDelay: 2, maxDelay: 2 },
      { deploymentId },
    );
    const { loadBalancers } = await demo.instance.status();
    const listeners = loadBalancers.find(({ dnsName }) => dnsName.startsWith("fileshare-"))?.listeners;
    const url = new URL(listeners?.find(({ port }) => port === 443)?.url ?? "");
    const resolve = `${url.hostname}:${url.port || "443"}:127.0.0.1`;
    const website = (path: string) => run("curl", ["-sk", "--resolve", resolve, new URL(path, url).href]);
    expect(await website("/version")).toContain("2");
    expect(await website("/health")).toContain("healthy");
    expect(await website("/balancer")).toBe("BALANCER IS HEALTHY");
    expect(await first?.plan(changes())).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
  });

  it.skipIf(!canBrowse)("serves the same files by its new version, which the browser deletes", async () => {
    if (page === undefined) return expect.fail("The browser is there.");
    await page.reload();
    const visit = visitOf(page);
    for (const name of ["in-s3.bin", "in-files.bin"]) {
      expect((await visit.download(name)).equals(BYTES), `the bytes of ${name}`).toBe(true);
      await visit.remove(name);
    }
    await page.goto(new URL("/users", page.url()).href);
    await page.click("button[aria-label='Delete ada']");
    await page.waitForSelector("text=Ada Lovelace", { state: "detached" });
    await browser?.close();
    await onHost(`${gantry} ca remove`);
    expect(await trustedBy()).toEqual(["node"]);
    await onHost(`${gantry} dns remove`);
    expect(readFileSync(resolvConf, "utf8")).toBe(readFileSync("/etc/resolv.conf", "utf8"));
  });

  it("is imported completely into an empty state, and the next plan is empty", async () => {
    if (first === undefined) return expect.fail("The website is applied.");
    // The validation of a certificate is nothing that is there, and EC2 does not return public keys to the provider.
    const resources = (await first.resources()).filter(
      ({ type }) => type !== "aws_acm_certificate_validation",
    );
    expect(resources).toHaveLength(RESOURCES);
    second = openTerraform(demo.environment, {
      db_password: readFileSync(join(configuration, "database-password"), "utf8"),
      bastion_public_key: readFileSync(join(configuration, "bastion-key.pub"), "utf8").trim(),
    });
    await second.init();
    expect(await second.importAll(resources, changes())).toMatch(
      new RegExp(`Apply complete! Resources: ${RESOURCES} imported, 2 added, \\d+ changed, 1 destroyed\\.`),
    );
    expect(await second.plan(changes())).toContain(
      "No changes. Your infrastructure matches the configuration.",
    );
  });

  it("is destroyed, and nothing is left but what was there before", async () => {
    expect(await second?.destroy(changes())).toMatch(
      new RegExp(`Destroy complete! Resources: ${RESOURCES + 1} destroyed`),
    );
    expect(await whatIsThere(demo.client())).toEqual(before);
    await expect(service()).rejects.toThrow(/inactive/);
    const label = `label=gantry.instance=${demo.name}`;
    const format = '{{.Label "gantry.role"}}';
    await eventually(async () =>
      expect(await run("docker", ["ps", "-a", "--filter", label, "--format", format])).not.toMatch(
        /task|database|instance|pause/,
      ),
    );
  });
});
