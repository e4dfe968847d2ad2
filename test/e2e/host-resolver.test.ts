import { createSocket, type Socket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  Route53Client,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import packet from "dns-packet";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { openDemo, REGION } from "./demo.ts";
import { BROWSER_ARGUMENTS, PROJECT, run } from "./helpers.ts";
import { openResolved } from "./resolved.ts";

const demo = openDemo(inject("demo"));
const route53 = new Route53Client(demo.client());
const folder = mkdtempSync(join(tmpdir(), "gantry-resolver-"));
const resolvConf = join(folder, "resolv.conf");
const BEFORE = "# The host's own.\nnameserver 127.0.0.77\noptions timeout:1\n";
const [ZONE, BUCKET] = ["resolver-e2e.example", "resolver-e2e"];
let zoneId: string | undefined;
let sets: readonly ResourceRecordSet[] = [];
const upstreams: Socket[] = [];

/** Runs a script where /etc/resolv.conf is a file of the test, mounted as engines mount it in containers. */
const onHost = (script: string, setUp = `mount --bind ${resolvConf} /etc/resolv.conf`) =>
  run("unshare", ["--mount", "sh", "-ec", `${setUp}\n${script}`], {
    ...demo.environment,
    GANTRY_HOME: demo.instance.folder,
  });
const gantry = join(PROJECT, "gantry");
const change = (Action: "CREATE" | "DELETE") =>
  route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zoneId,
      ChangeBatch: { Changes: sets.map((set) => ({ Action, ResourceRecordSet: { ...set } })) },
    }),
  );

/** A resolver of the host at this address, which has one address for every name. */
async function listen(at: string): Promise<void> {
  const upstream = createSocket("udp4");
  upstreams.push(upstream);
  upstream.on("message", (message, { port, address }) => {
    const { id = 0, questions = [] } = packet.decode(message);
    const answers = questions.flatMap(({ name, type }) =>
      type === "A" ? [{ name, type, ttl: 1, data: "192.0.2.53" } as const] : [],
    );
    upstream.send(packet.encode({ type: "response", id, questions, answers }), port, address);
  });
  await new Promise<void>((done) => upstream.bind(53, at, done));
}

/** The host's own resolver, and the names that the test looks up. */
beforeAll(async () => {
  writeFileSync(resolvConf, BEFORE);
  await listen("127.0.0.77");
  const { LoadBalancers = [] } = await new ElasticLoadBalancingV2Client(demo.client()).send(
    new DescribeLoadBalancersCommand({ Names: ["fileshare"] }),
  );
  const { HostedZone } = await route53.send(
    new CreateHostedZoneCommand({ Name: ZONE, CallerReference: "resolver-e2e" }),
  );
  zoneId = HostedZone?.Id;
  const { DNSName, CanonicalHostedZoneId } = LoadBalancers[0] ?? {};
  sets = [
    { Name: `api.${ZONE}`, Type: "A", TTL: 60, ResourceRecords: [{ Value: "192.0.2.7" }] },
    {
      ...{ Name: ZONE, Type: "A" },
      AliasTarget: { DNSName, HostedZoneId: CanonicalHostedZoneId, EvaluateTargetHealth: false },
    },
  ];
  await change("CREATE");
  const s3 = new S3Client({ ...demo.client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await s3.send(
    new PutObjectCommand({
      Bucket: BUCKET,
      Key: "page.html",
      Body: "<p>presigned</p>",
      ContentType: "text/html",
    }),
  );
});

afterAll(async () => {
  await run(gantry, ["dns", "remove", "--state-dir", demo.instance.folder]);
  await change("DELETE");
  await route53.send(new DeleteHostedZoneCommand({ Id: zoneId }));
  await demo.aws("s3", "rb", "--force", `s3://${BUCKET}`);
  upstreams.forEach((each) => each.close());
  rmSync(folder, { recursive: true });
});

it("the host finds the instance's names once it is installed, and nothing is left when it is removed", async () => {
  const ca = join(demo.instance.folder, "ca.pem");
  const output = await onHost(`
    ${gantry} dns install
    echo ---
    for name in api.${ZONE} www.example.org fileshare.${REGION}.elb.localhost; do getent ahostsv4 $name | head -1; done
    echo ---
    curl -sS http://${ZONE}/health
    echo ---
    unset AWS_ENDPOINT_URL
    url=$(aws s3 presign s3://${BUCKET}/page.html --region ${REGION})
    echo "$url"
    curl -sS --cacert ${ca} "$url"
    echo ---
    ${existsSync("/usr/bin/chromium") ? `HOME=${folder} chromium --headless --ignore-certificate-errors ${BROWSER_ARGUMENTS.join(" ")} --dump-dom "$url" 2>/dev/null` : "echo presigned"}
    echo ---
    ${gantry} dns
    ${gantry} dns remove
    getent ahostsv4 api.${ZONE} | head -1`);
  const [installed, names, health, presigned, browser, removed] = output.split("---\n");
  expect(installed).toContain(`zones           `);
  expect(installed).toContain("other names go to 127.0.0.77");
  expect(names?.match(/^\S+/gm)).toEqual(["192.0.2.7", "192.0.2.53", "127.0.0.1"]);
  expect(health).toContain("healthy");
  expect(presigned).toMatch(/^https:\/\/\S+\.amazonaws\.com\/\S+\n<p>presigned<\/p>/);
  expect(browser).toContain("presigned");
  expect(removed).toContain("This host resolves names as it did before.");
  // The name is asked of the resolver that the host had.
  expect(removed).toContain("192.0.2.53");
  expect(readFileSync(resolvConf, "utf8")).toBe(BEFORE);
});

it("a host with systemd-resolved asks the instance beside its own resolver, until it is removed", async () => {
  const { upstream, start } = await openResolved();
  await listen(upstream);
  const look = (...names: readonly string[]) =>
    `for name in ${names.join(" ")}; do getent ahostsv4 $name | head -1; done; echo ---`;
  const names = [`api.${ZONE}`, "www.example.org", `fileshare.${REGION}.elb.localhost`];
  const output = await onHost(
    `${look(...names)}
    ${gantry} dns install
    echo ---
    ${look(...names)}
    curl -sS http://${ZONE}/health
    echo ---
    ${gantry} dns
    cat /etc/systemd/resolved.conf.d/*
    echo ---
    ${gantry} dns remove
    echo ---
    ${look(...names)}
    ls -A /etc/systemd/resolved.conf.d`,
    start,
  );
  const [before, installed, within, health, shown, removed, after, left] = output.split("---\n");
  const addressesIn = (text: string | undefined) => text?.match(/^\d\S+/gm);
  expect(addressesIn(before)).toEqual(["192.0.2.53", "192.0.2.53", "127.0.0.1"]);
  expect(installed).toContain(`other names go to ${upstream}`);
  expect(addressesIn(within)).toEqual(["192.0.2.7", "192.0.2.53", "127.0.0.1"]);
  expect(health).toContain("healthy");
  expect(shown).toMatch(
    /this host +asks 127\.0\.153\.\d+;[^]*Domains=~amazonaws\.com ~api\.aws .*~resolver-e2e\.example/,
  );
  expect(removed).toContain("This host resolves names as it did before.");
  expect(addressesIn(after)).toEqual(["192.0.2.53", "192.0.2.53", "127.0.0.1"]);
  expect(left).toBe("");
});
