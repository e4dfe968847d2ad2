/**
 * The node agent: it implements the control plane's assignments (VPC routers, network interfaces, pods, the
 * proxy) with containers, namespaces and rules, and reports observations. `agent.ts` connects the parts to
 * one work queue; each folder is a part with its own boundary (only `engine/docker` knows Docker, only
 * `haproxy` knows HAProxy).
 */
export * from "./agent.ts";
export * from "./agent-session.ts";
export * from "./engine/docker/docker-engine.ts";
export * from "./engine/engine.ts";
export * from "./engine/fake-engine.ts";
export * from "./host.ts";
export * from "./naming.ts";
export * from "./network/free-port.ts";
export * from "./network/host-rules.ts";
export * from "./network/programs.ts";
export { commandPrefixOf, COMMAND_PREFIX_LABEL } from "./secret-environment/wrap-commands.ts";
export { useTag, useTagsOf } from "./pods/pod-images.ts";
