import type { Principal } from "@gantry/iam";
import type { Vault } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Credential } from "@gantry/wire";

/** Finds whose key signed a request: root's, a user's, or a session's. */
export function credentialSource(deps: { store: Reader; vault: Vault }): {
  find(accessKeyId: string): Credential | undefined;
} {
  const { store, vault } = deps;
  const opened = new Map<string, string>();
  const open = (sealed: string): string => {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    const secret = vault.open(sealed);
    if (opened.size > 10_000) opened.clear();
    opened.set(sealed, secret);
    return secret;
  };
  return {
    find(accessKeyId) {
      const session = store.get("session", accessKeyId);
      if (session !== undefined) {
        // A role that was created again under the name has another id.
        if (store.get("role", session.roleArn)?.id !== session.roleId) return undefined;
        const name = session.roleArn.split("/").at(-1) ?? "";
        const principal: Principal = {
          type: "assumed-role",
          arn: `arn:aws:sts::${session.account}:assumed-role/${name}/${session.sessionName}`,
          account: session.account,
          id: `${session.roleId}:${session.sessionName}`,
          roleArn: session.roleArn,
          ...(session.issuedAt === undefined ? {} : { issuedAt: session.issuedAt }),
          ...(session.sessionPolicies.length === 0 ? {} : { sessionPolicies: session.sessionPolicies }),
        };
        return {
          secretAccessKey: open(session.sealedSecret),
          principal,
          token: session.token,
          expiresAt: session.expiresAt,
        };
      }
      const key = store.get("accessKey", accessKeyId);
      if (key === undefined || key.status !== "Active") return undefined;
      const user = store.get("user", key.userArn);
      if (key.userArn !== undefined && user === undefined) return undefined;
      const principal: Principal =
        user === undefined
          ? { type: "root", arn: `arn:aws:iam::${key.account}:root`, account: key.account, id: key.account }
          : { type: "user", arn: user.arn, account: user.account, id: user.id };
      return { secretAccessKey: open(key.sealedSecret), principal, token: undefined, expiresAt: undefined };
    },
  };
}

/**
 * The caller as it is now: renamed, or undefined if it was deleted. Another that has its name is not it.
 */
export function currentPrincipal(reader: Reader, principal: Principal): Principal | undefined {
  switch (principal.type) {
    case "root":
    case "anonymous":
      return principal;
    case "user": {
      if (reader.get("user", principal.arn)?.id === principal.id) return principal;
      const renamed = reader.list("user").find(({ id }) => id === principal.id);
      return renamed === undefined ? undefined : { ...principal, arn: renamed.arn };
    }
    case "assumed-role":
      return reader.get("role", principal.roleArn)?.id === principal.id.split(":")[0] ? principal : undefined;
  }
}
