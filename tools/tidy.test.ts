import { describe, expect, it } from "vitest";
import { files, offenders, sources, text } from "./tidy/sources.ts";

const importsOf = (file: string): readonly string[] =>
  [...text(file).matchAll(/from "([^"]+)"/g)].map((match) => match[1] ?? "");

const LINES_MAX = 400;
const isTooLong = (source: string): boolean => source.split("\n").length > LINES_MAX;

describe("the rules of the code", () => {
  it("keeps every file within its limit of lines", () =>
    expect(offenders(files, (file) => isTooLong(text(file)))).toEqual([]));

  it("reports a file of one line too many", () => {
    expect(isTooLong("\n".repeat(LINES_MAX))).toBe(true);
    expect(isTooLong("\n".repeat(LINES_MAX - 1))).toBe(false);
  });

  it("lets neither api nor controllers import the other", () => {
    expect(
      offenders(
        sources.filter((file) => file.startsWith("packages/api/")),
        (file) =>
          importsOf(file).some(
            (from) => from.startsWith("@gantry/controllers") || from.startsWith("@gantry/agent"),
          ),
      ),
    ).toEqual([]);
    expect(
      offenders(
        sources.filter((file) => file.startsWith("packages/controllers/")),
        (file) => importsOf(file).some((from) => from.startsWith("@gantry/api") || from === "@gantry/agent"),
      ),
    ).toEqual([]);
  });

  it("lets the code of a service use its own error codes alone", () => {
    const isForeign =
      /import[^;]*\b(?:ApiError|ErrorCode|refuseMembers|refusing|unsupported)\b[^;]*from "(?:@gantry\/wire|[^"]*common\/(?:refuse|members)\.ts)"/;
    expect(isForeign.test(`import { ApiError } from "@gantry/wire";`)).toBe(true);
    expect(isForeign.test(`import { ApiError } from "./api-error.ts";`)).toBe(false);
    expect(
      offenders(
        sources.filter((file) => /^packages\/api\/(?!common\/)[^/]+\/(?!api-error\.ts)/.test(file)),
        (file) => isForeign.test(text(file)),
      ),
    ).toEqual([]);
  });

  it("keeps the kernel free of other packages of the repository", () => {
    expect(
      offenders(
        sources.filter((file) => file.startsWith("packages/kernel/")),
        (file) => importsOf(file).some((from) => from.startsWith("@gantry/")),
      ),
    ).toEqual([]);
  });

  it("reads the clock and random values in the listed files alone", () => {
    const banned = /(?<!\.)\b(?:Date\.now\(|setTimeout\(|setInterval\(|Math\.random\(|randomUUID\()/;
    const allowed = [
      "packages/kernel/clock.ts",
      "apps/cli/demo/resources.ts",
      "packages/testkit/world.ts",
      "packages/agent/engine/engine-suite.ts",
    ];
    expect(
      offenders(
        sources.filter((file) => !allowed.includes(file)),
        (file) => banned.test(text(file)),
      ),
    ).toEqual([]);
  });

  it("names Docker's API in the engine's folder only, and HAProxy's in the proxy's folder only", () => {
    const agent = sources.filter((file) => file.startsWith("packages/agent/"));
    expect(
      offenders(
        agent.filter((file) => !file.includes("/engine/docker/")),
        (file) => text(file).includes("/containers/"),
      ),
    ).toEqual([]);
    expect(
      offenders(
        agent.filter((file) => !file.includes("/haproxy/")),
        (file) => /\bserver-state-file\b|show stat/.test(text(file)),
      ),
    ).toEqual([]);
  });

  it("takes HTTP from the kernel in long-running processes", () => {
    const brief = /^(packages\/testkit|packages\/images|apps\/cli)\//;
    expect(
      offenders(
        sources.filter((file) => !brief.test(file)),
        (file) => /^import (?!type)[^;]* from "node:http";/m.test(text(file)),
      ),
    ).toEqual([]);
  });

  it("builds no shell text from data: it is a literal, or a constant of literals", () => {
    // programs.ts passes argument vectors to a constant script; the last step of a recipe is a constant of recipes.ts.
    const audited = ["packages/agent/network/programs.ts", "packages/images/debian-image.ts: recipe.finish"];
    const shellText = /"(?:\/[a-z/]+\/)?(?:ba|da)?sh",\s*\[?\s*(?:image,\s*)?"-c",\s*(`[^`]*`|"|'|[\w.]+)/g;
    const isConstant = (file: string, expression: string): boolean => {
      if (/^["']/.test(expression) || audited.includes(`${file}: ${expression}`)) return true;
      const constant = new RegExp(`^const ${expression} =([^;]*(?:;(?!\\n)[^;]*)*);\\n`, "m");
      const body = expression.startsWith("`") ? expression : constant.exec(text(file))?.[1];
      return body !== undefined && !/\$\{(?![A-Z_]+\})/.test(body);
    };
    const built = sources
      .filter((file) => !audited.includes(file))
      .flatMap((file) =>
        [...text(file).matchAll(shellText)]
          .map((match) => match[1] ?? "")
          .filter((expression) => !isConstant(file, expression))
          .map((expression) => `${file}: ${expression}`),
      );
    expect(built).toEqual([]);
    const implicit = /\bshell: true|\bexecSync\(|import \{[^}]*\bexec\b[^}]*\} from "node:child_process"/;
    expect(offenders(sources, (file) => implicit.test(text(file)))).toEqual([]);
  });

  it("passes no secret in the arguments or the environment of a process", () => {
    const secretName = String.raw`\b[A-Z][A-Z_]*(?:PASSWORD|TOKEN|SECRET|PRIVATE_KEY|SECRET_ACCESS_KEY)\w*`;
    const passed = new RegExp(
      String.raw`${secretName}["'\`]?\s*:\s*[a-z]|${secretName}=\$\{|\blogin\b[^"\n]*\s-p\b|--password[= ](?!stdin)`,
    );
    const others = [
      "apps/cli/commands/env.ts", // Prints the credentials that its caller asks for to the caller's output.
      "test/clients/clients.ts", // The conformance suite accepts its password in no other way.
      "apps/cli/demo/website.ts", // The demo's task definition, as the example's documentation shows it.
    ];
    expect(offenders(files, (file) => passed.test(text(file)) && !others.includes(file))).toEqual([]);
    const starts = /from "node:child_process"|from "(?:\.\.?\/)+run\.ts"|from "@gantry\/cli\/run"/;
    expect(
      offenders(
        files.filter((file) => starts.test(text(file))),
        (file) => /env: \{[^}]*(?:password|token|secret)/i.test(text(file)),
      ),
    ).toEqual([]);
  });

  it("lists every socket with who may reach it", () => {
    const modules = "node:(?:net|tls|dgram|https?|http2|dns|dns/promises)";
    const pure = ["isIP", "isIPv4", "isIPv6", "createSecureContext", "BlockList", "TLSSocket"];
    const imports = new RegExp(
      `^import (?!type)\\{?([^;]*?)\\}? from "(?:${modules}|(@gantry/kernel))";`,
      "gms",
    );
    const opensSockets = (file: string): boolean =>
      /\bfetch\(|[{,] fetch(?:,| \})|\bnewHttps?Server\(|getBuiltinModule\("node:https?"\)/.test(
        text(file),
      ) ||
      [...text(file).matchAll(imports)].some(([, names = "", kernel]) =>
        names
          .split(",")
          .map((name) => name.trim())
          .some((name) =>
            kernel === undefined
              ? name !== "" && !name.startsWith("type ") && !pure.includes(name)
              : name === "http",
          ),
      );
    const tests = ["packages/testkit/", "packages/agent/engine/fake"];
    const open = sources.filter((file) => !tests.some((each) => file.startsWith(each)) && opensSockets(file));
    const listed = [...text("docs/sockets.md").matchAll(/^\| ((?:apps|packages)\/\S+\.ts)\s*\|/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(open.toSorted()).toEqual([...new Set([...listed, "packages/kernel/http.ts"])].toSorted());
  });

  it("opens every package with a comment that describes it", () => {
    const indexes = sources.filter((file) => /^packages\/[^/]+\/index\.ts$/.test(file));
    expect(offenders(indexes, (file) => !text(file).trimStart().startsWith("/**"))).toEqual([]);
  });

  it("has no default exports", () =>
    expect(offenders(sources, (file) => /^export default/m.test(text(file)))).toEqual([]));

  it("lists every exit, and each exit waits until committed changes are durable", () => {
    const exits = [
      "packages/wire/send.ts", // API responses, objects among them
      "packages/registry/responses.ts", // registry responses
      "packages/controllers/node/node-gateway.ts", // messages to nodes
      "apps/control-plane/deployment-reports.ts", // reports of deployments
      "apps/control-plane/load-balancer-keys.ts", // public keys of load balancers
      "apps/control-plane/database-login.ts", // whether a user of a database may log in
      "packages/content/removals.ts", // deletions of bytes that records named
    ];
    expect(offenders(exits, (file) => !/settled\(\)/.test(text(file)))).toEqual([]);
    // Responses that carry no state of the store: upgrades, health, the operator's endpoints, the placeholder page,
    // requests that are refused by their headers.
    const stateless = [
      "apps/control-plane/ports.ts",
      "apps/control-plane/operator-endpoints.ts",
      "apps/control-plane/operator-answers.ts",
      "apps/control-plane/agent-stream.ts",
      "packages/wire/http-server.ts",
    ];
    const leaves = /\.writeHead\(|\bpeer\.send\(/;
    const servers = sources.filter((file) =>
      /^(packages\/(wire|registry|api|controllers)|apps\/control-plane)\//.test(file),
    );
    expect(
      offenders(servers, (file) => leaves.test(text(file)) && ![...exits, ...stateless].includes(file)),
    ).toEqual([]);
  });
});
