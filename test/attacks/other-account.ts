import type { startApi } from "@gantry/testkit";

/** The access key of the root user of another account. */
export const OTHER = { accessKeyId: "AKIAOTHEROTHEROTHER0", secretAccessKey: "other-secret" };

/** Creates the access key of the other account, 111111111111. */
export function admitOther({ store, vault }: Awaited<ReturnType<typeof startApi>>): void {
  store.transact((tx) =>
    tx.put("accessKey", OTHER.accessKeyId, {
      accessKeyId: OTHER.accessKeyId,
      sealedSecret: vault.seal(OTHER.secretAccessKey),
      account: "111111111111",
      userArn: undefined,
      status: "Active",
      createdAt: 0,
    }),
  );
}
