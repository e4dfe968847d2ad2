import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { listenerAttributes, loadBalancerAttributes, targetGroupAttributes } from "./attributes.ts";

it("has every attribute in the table of SUPPORT.md", () => {
  const support = readFileSync(new URL("SUPPORT.md", import.meta.url), "utf8");
  const section = /## Attributes\n([^]*?)\n## /.exec(support)?.[1] ?? "";
  const patterns = [...section.matchAll(/`([^`]+)`/g)].map(
    ([, name = ""]) => new RegExp(`^${RegExp.escape(name).replaceAll("…", ".+")}$`),
  );
  const tables = [
    ...([undefined, "network"] as const).map((type) => loadBalancerAttributes({ type })),
    ...(["HTTP", "TCP"] as const).map((protocol) => targetGroupAttributes({ protocol })),
    ...(["HTTPS", "TCP"] as const).map((protocol) => listenerAttributes(protocol)),
  ];
  const keys = new Set(tables.flatMap((table) => Object.keys(table)));
  expect([...keys].filter((key) => !patterns.some((pattern) => pattern.test(key)))).toEqual([]);
});
