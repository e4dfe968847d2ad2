/**
 * The files of a database's snapshot: a folder of the node's data volume. It is removed when it is no longer assigned.
 */
export interface DatabaseSnapshotAssignment {
  readonly kind: "databaseSnapshot";
  /** `databaseSnapshot/ID`; the folder is `rds/ID`. */
  readonly key: string;
  /**
   * The database or snapshot whose files it is a copy of, as they are at one moment. Absent once the copy is made: it
   * is not made anew where it is lost.
   */
  readonly source?: string;
}
