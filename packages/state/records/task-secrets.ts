/**
 * The secrets of a task, read when it was placed, and sealed. The key is the task's ARN; removed when the
 * task has stopped.
 */
export interface TaskSecretsRecord {
  readonly taskArn: string;
  /** JSON of a `TaskSecrets`. */
  readonly sealedSecrets: string;
}

/** Values by container. */
export interface TaskSecrets {
  readonly containers: Readonly<
    Record<
      string,
      {
        readonly environment: readonly { readonly name: string; readonly value: string }[];
        /** Contents of files, by their paths in the container; absent: none. */
        readonly files?: readonly { readonly path: string; readonly value: string }[];
        /** For the image's registry; absent: none. */
        readonly registryLogin?: { readonly username: string; readonly password: string };
      }
    >
  >;
}
