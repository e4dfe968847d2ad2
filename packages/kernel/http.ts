/**
 * Node's HTTP, without what else `import … from "node:http"` brings: the names that such an import makes of a built-in
 * module's members read every one of them, and one of them loads Node's whole fetch client: 30 ms and 16 MiB
 * that neither the control plane nor the agent has a use for (docs/decisions/0030).
 */
export const http = process.getBuiltinModule("node:http");
