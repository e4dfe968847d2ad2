/** A compiled filter pattern. */
export interface FilterPattern {
  readonly type: "text" | "json" | "space";
  /** Reads a message: undefined where it does not match, else its values by the pattern's selectors or field names. */
  match(message: string): FieldLookup | undefined;
  /** The selectors or field names that the pattern itself has. */
  readonly fields: readonly string[];
}

/** The value of `$.selector` or `$field` in a message that matched; undefined where it has none. */
export type FieldLookup = (selector: string) => string | undefined;

/** The pattern is malformed. The message says where. */
export class PatternError extends Error {
  override readonly name = "PatternError";
  /** The index of the character at which the pattern is malformed. */
  readonly at: number;

  constructor(message: string, at = 0) {
    super(message);
    this.at = at;
  }
}
