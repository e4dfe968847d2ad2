/** A bug to put in: in this file, this text becomes that. */
export interface Mutation {
  readonly bug: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The test that finds the bug where random seeds do not. */
  readonly directedTest?: string;
}
