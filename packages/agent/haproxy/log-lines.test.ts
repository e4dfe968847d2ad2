import { describe, expect, it } from "vitest";
import { accessLine, connectionLine, decoded, type LoggedRequest } from "./log-lines.ts";
import { DETAIL_NAMES, detailsFormat, parseDetails } from "./request-details.ts";

const VALUES = {
  listenerPort: "443",
  clientAddress: "192.168.131.39",
  clientPort: "2817",
  createdAt: "1793000000186641",
  endedAt: "1793000000274000",
  requestMs: "0",
  queueMs: "0",
  connectMs: "1",
  responseMs: "37",
  method: "GET",
  host: "www.example.com%3A443",
  path: "%2Fa%3Fb%3D%22c",
  version: "HTTP/1.1",
  userAgent: "curl%2F7%20%22%0Aevil%C3%A4",
  cipher: "ECDHE-RSA-AES128-GCM-SHA256",
  protocol: "TLSv1.2",
  traceId: "Root%3D1-58337281-1d84f3d73c47ec4e58577259",
  serverName: "www.example.com",
  certificate: "AB12",
  rule: "r0:10:forward",
  location: "-",
  error: "-",
  body: "-",
  connectionId: "3180a730-13c8-ca4b-ac2f-731159d4b0fe",
  isFirst: "1",
  handshakeMs: "4",
  clientSubject: "%2FC%3DUS%2FCN%3Da",
  clientNotBefore: "230921224321Z",
  clientNotAfter: "260617224321Z",
  clientSerial: "FEF257372D5C14D4",
};

const request = (more: Partial<LoggedRequest> = {}, details: Partial<typeof VALUES> = {}): LoggedRequest => ({
  balancer: "app/my-loadbalancer/50dc6c495c0c9188",
  targetGroupArn:
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067",
  isGrpc: false,
  target: "10.0.0.1:80",
  status: 200,
  isAnswered: true,
  latencyMs: 48,
  received: 0,
  sent: 57,
  certificateArn: "arn:aws:acm:us-east-2:123456789012:certificate/1",
  details: { ...VALUES, ...details },
  ...more,
});

describe("an access log line", () => {
  it("has ELB's fields in order, and escapes text of clients", () => {
    expect(accessLine(request())).toBe(
      "https 2026-10-26T07:33:20.274000Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 " +
        '10.0.0.1:80 0.001 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=\\x22c ' +
        'HTTP/1.1" "curl/7 \\x22\\x0Aevil\\xC3\\xA4" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 ' +
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 " +
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" ' +
        '"arn:aws:acm:us-east-2:123456789012:certificate/1" 10 2026-10-26T07:33:20.186641Z "forward" "-" ' +
        '"-" "10.0.0.1:80" "200" "-" "-" TID_3180a73013c8ca4bac2f731159d4b0fe "-" "-" "-"',
    );
  });

  it("has hyphens for responses of the load balancer itself", () => {
    const redirect = request(
      { target: undefined, targetGroupArn: undefined, status: 301, isAnswered: false, latencyMs: -1 },
      { rule: "rdefault:0:redirect", location: "https%3A%2F%2Fb%2F", protocol: "-", cipher: "-" },
    );
    expect(accessLine(redirect)).toMatch(
      /^http \S+ \S+ \S+ - -1 -1 -1 301 - 0 57 "GET http:\/\/www.example.com:443\/a.* 0 \S+ "redirect" "https:\/\/b\/" "-" "-" "-" "-" "-" TID_/,
    );
    const unread = request({ target: undefined, status: 400 }, { method: "<BADREQ>", host: "-", rule: "-" });
    expect(accessLine(unread)).toContain('"- https://-:443- -"');
    expect(accessLine(unread)).toContain('"Severe" "-" TID_');
  });

  it("says why a sign-in was refused, and how a request does not comply", () => {
    const refused = {
      error: "AuthInvalidStateParam",
      body: "5%3A",
    };
    expect(accessLine(request({ target: undefined, status: 401, isAnswered: false }, refused))).toMatch(
      / "-" "AuthInvalidStateParam" "-" "-" "Ambiguous" "UndefinedContentLengthSemantics" TID_/,
    );
  });

  it.each([
    ["GET", "-", '"-" "-"'],
    ["GET", "0%3A", '"Acceptable" "GetHeadZeroContentLength"'],
    ["HEAD", "12%3A", '"Ambiguous" "UndefinedContentLengthSemantics"'],
    ["GET", "%3Achunked", '"Ambiguous" "UndefinedTransferEncodingSemantics"'],
    ["GET", "%3A", '"-" "-"'],
    ["GET", "%22%20Acceptable%3A", '"-" "-"'],
    ["POST", "12%3A", '"-" "-"'],
  ])("of a %s request with the body %s ends with %s", (method, body, expected) => {
    const line = accessLine(request({}, { method, body }));
    expect(line).toContain(`"200" ${expected} TID_`);
  });

  it("has each client's own text, however many there are", () => {
    for (let client = 0; client < 2_500; client += 1)
      for (let again = 0; again < 2; again += 1)
        expect(accessLine(request({}, { userAgent: `c%20${client}%22`, host: `h${client}%3A80` }))).toContain(
          `https://h${client}:443/a?b=\\x22c HTTP/1.1" "c ${client}\\x22"`,
        );
  });

  it("decodes bytes in either case, and leaves what is no byte", () => {
    expect(decoded("%2f%2F%C3%a4%")).toBe("//\\xC3\\xA4%");
    expect(decoded("%%41%4%zz%5C")).toBe("%A%4%zz\\x5C");
    expect(decoded('a"%\\ä')).toBe("a\\x22%\\x5C\\xE4");
  });

  it("distinguishes HTTP/2, gRPC and WebSocket", () => {
    expect(accessLine(request({}, { version: "HTTP/2.0" }))).toMatch(/^h2 /);
    expect(accessLine(request({ isGrpc: true }, { version: "HTTP/2.0" }))).toMatch(/^grpcs /);
    expect(accessLine(request({ status: 101 }))).toMatch(/^wss /);
  });
});

describe("a connection log line", () => {
  it("has ELB's fields in order", () => {
    expect(connectionLine(request())).toBe(
      "2026-10-26T07:33:20.186641Z 192.168.131.39 2817 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 0.004 " +
        '"/C=US/CN=a" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 ' +
        "Success TID_3180a73013c8ca4bac2f731159d4b0fe",
    );
  });
});

describe("the details of a request", () => {
  it("are read as they are written, and are ignored if some are missing", () => {
    const values = Object.values(VALUES);
    expect(detailsFormat(443, true).split(" ")).toHaveLength(values.length);
    expect(parseDetails(["figure", ...values], 1)).toEqual(VALUES);
    expect(Object.keys(VALUES)).toEqual(DETAIL_NAMES);
    expect(parseDetails(values, 1)).toBeUndefined();
  });

  it("have hyphens for what a listener without TLS leaves out", () => {
    const expressions = detailsFormat(80, false).split(" ");
    expect(expressions.filter((each) => each.includes("ssl"))).toEqual([]);
    const details = parseDetails(expressions, 0);
    expect(details).toMatchObject({ listenerPort: "80", cipher: "-", protocol: "-", certificate: "-" });
    expect(details).toMatchObject({ rule: "%[var(txn.rule)]", handshakeMs: "%Th", clientSerial: "-" });
    expect(parseDetails(expressions.slice(1), 0)).toBeUndefined();
  });
});
