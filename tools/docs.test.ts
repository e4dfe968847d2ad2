import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DESCRIPTORS } from "@gantry/api";
import { expect, it } from "vitest";
import { errorsByOperation } from "./errors-table.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Compares a document with what the code says; UPDATE_DOCS=1 writes it. */
function expectDocument(name: string, text: string): void {
  const path = join(ROOT, "docs", name);
  if (process.env["UPDATE_DOCS"] !== undefined) writeFileSync(path, text);
  else expect(existsSync(path) ? readFileSync(path, "utf8") : "").toBe(text);
}

it("SUPPORT.md links the document of every service", () => {
  const text = readFileSync(join(ROOT, "SUPPORT.md"), "utf8");
  const links = Object.keys(DESCRIPTORS).map((service) => `(packages/api/${service}/SUPPORT.md)`);
  expect(links.filter((link) => !text.includes(link))).toEqual([]);
});

it("docs/errors.md lists the errors of every operation", () => {
  const sections = Object.keys(DESCRIPTORS).map((service) => {
    const support = readFileSync(join(ROOT, "packages/api", service, "SUPPORT.md"), "utf8");
    const operations = /## Operations\n\n([^\n]*)/.exec(support)?.[1]?.split(", ") ?? [];
    const rows = [...errorsByOperation(service, operations)].map(
      ([operation, errors]) => `| ${operation} | ${errors.join(", ")} |`,
    );
    return `## ${service}\n\n| operation | errors |\n| --- | --- |\n${rows.join("\n")}\n`;
  });
  expectDocument(
    "errors.md",
    `# Errors, operation by operation

Generated from the code (\`tools/errors-table.ts\`; \`UPDATE_DOCS=1 npx vitest run --project unit tools\` writes it anew). The number is the HTTP status where it
is not the one of the service's model. Every operation can give besides: what its protocol says of signatures, permissions, inputs of the wrong form
(\`N validation errors detected: …\`), throttling and a full disk (\`packages/wire/access-errors.ts\`, \`packages/wire/constraints.ts\`).

${sections.join("\n")}`,
  );
});
