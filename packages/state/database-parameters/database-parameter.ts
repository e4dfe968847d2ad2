/** A parameter as a family has it. */
export interface DatabaseParameter {
  readonly name: string;
  readonly applyType: "static" | "dynamic";
  readonly dataType: "boolean" | "integer" | "float" | "string" | "list";
  /** The engine's default; undefined: none, or empty. */
  readonly default: string | undefined;
  /** As AWS writes them: `0,1`, `1-100000`, `OFF,ON`; undefined: any text. */
  readonly allowed: string | undefined;
  /** Whether the server that runs has it. */
  readonly acts: boolean;
  /** Whether a group can change it. */
  readonly modifiable: boolean;
  /** Whether an enumeration takes its words alone, and no index of one. */
  readonly namesOnly?: boolean;
}
