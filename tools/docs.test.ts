import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { managedPolicyArns, managedPolicyDocument } from "@gantry/api/iam/managed-policies";
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

it("docs/managed-policies.md lists AWS's managed policies", () => {
  const rows = managedPolicyArns().map((arn) => {
    const name = arn.split("/").at(-1) ?? "";
    const { Statement } = JSON.parse(managedPolicyDocument(arn) ?? "{}") as { Statement: object[] }; // Our own documents.
    const note =
      name === "AmazonECS_FullAccess"
        ? "without the statements about services that are not here (App Mesh, Auto Scaling, CloudFormation, FSx, Lambda, Spot)"
        : arn.includes("/aws-service-role/")
          ? "attached to a service-linked role alone; without the statements about what is not here"
          : "";
    return `| \`${arn}\` | ${Statement.length} | [${name}](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/${name}.html) | ${note} |`;
  });
  expectDocument(
    "managed-policies.md",
    `# AWS's managed policies\n\nThose that users of these services attach, with their documents as AWS publishes them. Generated from \`packages/api/iam/managed-policies.ts\`.\n\n| policy | statements | source | note |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`,
  );
});
