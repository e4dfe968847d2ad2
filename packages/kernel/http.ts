/**
 * Node's HTTP module, loaded without the fetch client. An ES import of a built-in module reads each of its members to
 * create named exports, and one member of `node:http` loads the fetch client: 30 ms and 16 MiB that neither the control
 * plane nor the agent needs (docs/decisions/0030).
 */
export const http = process.getBuiltinModule("node:http");
