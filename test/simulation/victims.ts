import type { World } from "@gantry/testkit";

/** What `kill -9` ends in the matrices of kills, by name. */
export const VICTIMS: Readonly<Record<string, (world: World) => void>> = {
  "control plane": (world) => world.killControlPlane(),
  "control plane before its next write": (world) => world.crashPoint({ left: 1, fate: "dies before" }),
  "control plane after its next write": (world) => world.crashPoint({ left: 1, fate: "dies after" }),
  "control plane after its third write": (world) => world.crashPoint({ left: 3, fate: "dies after" }),
  agent: (world) => world.killAgent(),
  "agent before its next call": (world) => doomAgent(world, "dies before"),
  "agent after its next call": (world) => doomAgent(world, "dies after"),
  proxy: (world) => world.nodes.forEach((node) => node.killProxy()),
  "all three": (world) => {
    world.killControlPlane();
    world.killAgent();
    world.nodes.forEach((node) => node.killProxy());
  },
};

function doomAgent(world: World, fate: "dies before" | "dies after"): void {
  for (const node of world.nodes) node.crashPoint = { left: 1, fate };
}
