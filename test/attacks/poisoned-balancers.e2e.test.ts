import { connect } from "node:tls";
import { ACMClient, RequestCertificateCommand } from "@aws-sdk/client-acm";
import {
  AddListenerCertificatesCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  DeleteRuleCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  ElasticLoadBalancingV2Client,
  ModifyLoadBalancerAttributesCommand,
  RemoveListenerCertificatesCommand,
  type Action,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bringUpDemo, openDemo } from "../e2e/demo.ts";
import { eventually, get, newInstance, startLoop } from "../e2e/helpers.ts";
import { appliedMaxMs, behindTheApi } from "./behind-the-api.ts";

const instance = await newInstance();
let demo: ReturnType<typeof openDemo>;
let elb: ElasticLoadBalancingV2Client;

beforeAll(async () => {
  demo = openDemo(await bringUpDemo(instance));
  elb = new ElasticLoadBalancingV2Client(demo.client());
});

afterAll(() => instance.gantry("down", "--purge"));

const says = (MessageBody: string): Action => ({
  Type: "fixed-response",
  FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody },
});

describe("values in records that the proxy rejects", () => {
  let listeners: { http: string; https: string };
  let demoBalancer: string;
  let priority = 100;

  /** Milliseconds from the answer of CreateRule until the load balancer answers by the rule. */
  async function timeToServe(): Promise<number> {
    priority += 1;
    const path = `/fresh-${priority}`;
    await elb.send(
      new CreateRuleCommand({
        ...{ ListenerArn: listeners.http, Priority: priority },
        Conditions: [{ Field: "path-pattern", Values: [path] }],
        Actions: [says(path)],
      }),
    );
    const since = performance.now();
    while ((await get(demo.url, { path })).body !== path) await new Promise((done) => setTimeout(done, 10));
    return performance.now() - since;
  }

  const describeBalancer = async (arn: string) =>
    (await elb.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] }))).LoadBalancers?.[0];

  const statusOf = async (url: string, path = "/") => (await get(url, { path })).status;

  /** The names in the certificate that the HTTPS listener shows for a name. */
  async function servedFor(servername: string): Promise<string> {
    const port = await hostPortOf(demoBalancer, "https:");
    const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
    return new Promise((done, failed) => {
      socket.on("error", failed);
      socket.on("secureConnect", () => {
        done(socket.getPeerCertificate().subjectaltname ?? "");
        socket.destroy();
      });
    });
  }

  async function urlOf(arn: string, protocol: string): Promise<string> {
    const found = (await instance.status()).loadBalancers
      .find((each) => each.arn === arn)
      ?.listeners.find(({ url }) => url.startsWith(protocol));
    if (found === undefined) throw new Error(`${arn} answers nowhere.`);
    return found.url;
  }

  async function hostPortOf(arn: string, protocol: string): Promise<number> {
    return Number(new URL(await urlOf(arn, protocol)).port || 443);
  }

  // Before: the proxy rejected the configuration as a whole, and no load balancer of the node changed any more.
  it("are left out and reported, the rest is applied within a second, and removing them repairs the rest", async () => {
    const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({}));
    demoBalancer = LoadBalancers[0]?.LoadBalancerArn ?? "";
    const { Listeners = [] } = await elb.send(
      new DescribeListenersCommand({ LoadBalancerArn: demoBalancer }),
    );
    const arnOf = (protocol: string) =>
      Listeners.find((each) => each.Protocol === protocol)?.ListenerArn ?? "";
    listeners = { http: arnOf("HTTP"), https: arnOf("HTTPS") };
    const alone = [await timeToServe()];

    // A rule, a certificate and a load balancer that the API takes.
    const { Rules: [rule] = [] } = await elb.send(
      new CreateRuleCommand({
        ...{ ListenerArn: listeners.http, Priority: 50 },
        Conditions: [
          { Field: "path-pattern", Values: ["/poisoned"] },
          { Field: "source-ip", SourceIpConfig: { Values: ["0.0.0.0/0"] } },
        ],
        Actions: [says("rule")],
      }),
    );
    const ruleArn = rule?.RuleArn ?? "";
    const acm = new ACMClient(demo.client());
    const { CertificateArn = "" } = await acm.send(
      new RequestCertificateCommand({ DomainName: "poisoned.example.org", ValidationMethod: "DNS" }),
    );
    await elb.send(
      new AddListenerCertificatesCommand({
        ListenerArn: listeners.https,
        Certificates: [{ CertificateArn }],
      }),
    );
    const { LoadBalancers: [second] = [] } = await elb.send(
      new CreateLoadBalancerCommand({
        ...{
          Name: "poisoned",
          Subnets: LoadBalancers[0]?.AvailabilityZones?.map(({ SubnetId = "" }) => SubnetId),
        },
        SecurityGroups: LoadBalancers[0]?.SecurityGroups,
      }),
    );
    const secondArn = second?.LoadBalancerArn ?? "";
    await elb.send(
      new CreateListenerCommand({
        ...{ LoadBalancerArn: secondArn, Protocol: "HTTP", Port: 80 },
        DefaultActions: [says("second")],
      }),
    );
    await eventually(async () => expect(await statusOf(await urlOf(secondArn, "http:"))).toBe(200));
    await eventually(async () =>
      expect(await servedFor("poisoned.example.org")).toContain("poisoned.example.org"),
    );
    expect(await statusOf(demo.url, "/poisoned")).toBe(200);

    const loop = startLoop(demo.url, "/version");
    await behindTheApi(instance, (tx) => {
      const [wanted, certificate, balancer] = [
        tx.get("rule", ruleArn),
        tx.get("certificate", CertificateArn),
        tx.get("loadBalancer", secondArn),
      ];
      const other = tx.list("certificate").find(({ arn }) => arn !== CertificateArn);
      if (!wanted || !certificate || !balancer || !other) throw new Error("A record is missing.");
      tx.put("rule", ruleArn, {
        ...wanted,
        conditions: [
          { field: "path-pattern", values: ["/poisoned"] },
          { field: "source-ip", values: ["999.999.999.999/99"] },
        ],
      });
      tx.put("certificate", CertificateArn, { ...certificate, sealedKey: other.sealedKey });
      const attributes = { ...balancer.attributes, "idle_timeout.timeout_seconds": "a minute" };
      tx.put("loadBalancer", secondArn, { ...balancer, attributes });
    });

    // What is left out, and why, on the load balancers' states, in the service's events and in the status.
    await eventually(async () => {
      const state = (await describeBalancer(demoBalancer))?.State;
      expect(state?.Code).toBe("active_impaired");
      expect(state?.Reason).toMatch(/rule 50 of the listener on port 80 \(source-ip condition\): \S/);
      expect(state?.Reason).toMatch(
        /the certificate for poisoned\.example\.org of the listener on port 443: \S/,
      );
      expect((await describeBalancer(secondArn))?.State).toMatchObject({
        Code: "active_impaired",
        Reason: expect.stringMatching(/the load balancer: idleTimeoutSeconds is not an integer/) as string,
      });
    });
    expect((await demo.fileshare())?.events?.map(({ message }) => message).join("\n")).toMatch(
      /\(service fileshare\) load balancer \S+ is impaired\. Left out, .*rule 50/,
    );
    expect(await instance.gantry("status")).toMatch(/load balancer {2}\S+ is active_impaired\. Left out/);
    // What may have restricted is closed, and nothing else.
    expect(await statusOf(demo.url, "/poisoned")).toBe(503);
    expect(await statusOf(demo.url, "/version")).toBe(200);
    expect(await servedFor("poisoned.example.org")).not.toContain("poisoned.example.org");

    const times = [await timeToServe(), await timeToServe(), await timeToServe()];

    await elb.send(new DeleteRuleCommand({ RuleArn: ruleArn }));
    await elb.send(
      new RemoveListenerCertificatesCommand({
        ListenerArn: listeners.https,
        Certificates: [{ CertificateArn }],
      }),
    );
    await elb.send(
      new ModifyLoadBalancerAttributesCommand({
        LoadBalancerArn: secondArn,
        Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "60" }],
      }),
    );
    await eventually(async () => {
      for (const arn of [demoBalancer, secondArn])
        expect((await describeBalancer(arn))?.State).toEqual({ Code: "active" });
      expect(await statusOf(await urlOf(secondArn, "http:"))).toBe(200);
    });
    alone.push(await timeToServe(), await timeToServe());
    const rounded = [times, alone].map((each) => each.map(Math.round).join(", "));
    const figures = `${rounded[0]} ms beside poisoned parts, ${rounded[1]} ms without`;
    console.info(`A rule takes effect after ${figures}.`);
    // The median: other work on the machine may delay one.
    const [, median = Infinity] = times.toSorted((one, other) => one - other);
    expect(median, figures).toBeLessThan(appliedMaxMs(Math.max(...alone)));
    // Before: requests on kept connections were answered with 503 when a load balancer left the host port
    // that both shared.
    const { count, failures } = await loop.stop();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(20);
  });
});
