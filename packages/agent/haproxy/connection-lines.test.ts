import { expect, it } from "vitest";
import { parseConnection } from "./connection-details.ts";
import { failedHandshakeLine, flowLine } from "./connection-lines.ts";

const lineOf = (cipher: string, protocol: string, clientError = "0") =>
  `@ lb 0123 443 10.0.0.1 5000 10.0.0.9 1700000000123 1700000005123000 5000 7 +98 +246 ${cipher} ${protocol} ` +
  `a.test h2 AB ${clientError} 0`;
const connection = (line: string) => {
  const details = parseConnection(line);
  if (details === undefined) throw new Error("The line is not read.");
  return { balancer: "net/a/1", dnsName: "a.elb.localhost", certificateArn: "arn:c", details };
};

it("writes a TLS connection as a network load balancer does", () => {
  expect(flowLine(connection(lineOf("TLS_AES_256_GCM_SHA384", "TLSv1.3")))).toBe(
    "tls 2.0 2023-11-14T22:13:25 net/a/1 0123 10.0.0.1:5000 10.0.0.9:443 5000 7 98 246 - arn:c - " +
      "TLS_AES_256_GCM_SHA384 tlsv13 - a.test h2 - - 2023-11-14T22:13:20",
  );
});

it("has hyphens for what a failed handshake did not settle", () => {
  expect(flowLine(connection(lineOf("(NONE)", "TLSv1.3")))).toContain(
    " 5000 - 98 246 - arn:c - - - - a.test ",
  );
  expect(failedHandshakeLine(connection(lineOf("(NONE)", "TLSv1.3", "23")))).toBe(
    '2023-11-14T22:13:20.123000Z 10.0.0.1 5000 443 - - - "-" - - Failed:ClientCertCrlHit -',
  );
});

it("reads no line that is cut", () => {
  expect(parseConnection("@ lb 0123 443 10.0.0.1")).toBeUndefined();
});
