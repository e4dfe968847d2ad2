/** What was read for a task when it was placed, sealed. The key is the task's ARN; removed when the task has stopped. */
export interface TaskSecretsRecord {
  readonly taskArn: string;
  /** JSON of a `TaskSecrets`. */
  readonly sealedSecrets: string;
}

/** Values by container. */
export interface TaskSecrets {
  readonly containers: Readonly<
    Record<string, { readonly environment: readonly { readonly name: string; readonly value: string }[] }>
  >;
}
