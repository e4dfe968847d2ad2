import type { ToControlPlane } from "@gantry/agent-protocol";

/** What a message of a node is about: a newer message about the same subject replaces it. */
export function subjectOf(message: ToControlPlane): string {
  switch (message.type) {
    case "pod":
      return message.observation.key;
    case "removed":
      return message.key;
    case "interface":
      return `interface/${message.id}`;
    case "logs":
      return `logs/${message.containerId}`;
    case "imageWanted":
      return `image/${message.image}`;
    case "firewall":
      return `firewall/${message.vpcId}`;
    case "zone":
    case "volumeFile":
    case "databaseSnapshot":
      return message.key;
    case "refused":
      return `refused/${message.key}`;
    case "flows":
      return `flows/${message.id}`;
    case "balancerLog":
      return `balancerLog/${message.id}`;
    case "hello":
    case "balancers":
    case "engine":
    case "metrics":
      return message.type;
  }
}
