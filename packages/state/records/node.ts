/** A machine that runs tasks. ← the agent's hello and its heartbeat. */
export interface NodeRecord {
  readonly id: string;
  readonly hostname: string;
  readonly cpu: number;
  readonly memoryMiB: number;
  /** The availability zone it serves; undefined: all of them. */
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The name that ECS has for its processor's architecture; absent in older records. */
  readonly architecture?: "x86_64" | "arm64";
  /** Whether its agent has a session. Absent in older records until the gateway has started. */
  readonly state?: "CONNECTED" | "DISCONNECTED";
  /** When the current session began, or when the last one ended. Milliseconds since the epoch. */
  readonly lastContactAt?: number;
  readonly registeredAt: number;
  /** The agent process that sent the last hello. */
  readonly agentPid: number;
  /**
   * Whether the container engine responds, and since when; undefined until the agent has reported it. ← the
   * agent's probe.
   */
  readonly engine?: { readonly answers: boolean; readonly since: number };
  /** Assignments that the node refused since its last hello: key to reason. */
  readonly refused?: Readonly<Record<string, string>>;
}
