/** A machine that runs tasks. ← the agent's hello and its heartbeat. */
export interface NodeRecord {
  readonly id: string;
  readonly hostname: string;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly registeredAt: number;
  /** The process that last said hello. */
  readonly agentPid: number;
  /** Whether the container engine does its work, and since when; undefined until the agent has reported it. ← the agent's probe. */
  readonly engine?: { readonly answers: boolean; readonly since: number };
  /** Assignments that the node refused since its last hello: key to reason. */
  readonly refused?: Readonly<Record<string, string>>;
}
