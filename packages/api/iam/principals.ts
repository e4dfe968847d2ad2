import type { Principal } from "@gantry/iam";
import type { Vault } from "@gantry/kernel";
import type { Reader, SessionAttributes, UserSessionRecord } from "@gantry/state";
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
          ...attributesOf(session.attributes),
        };
        return {
          secretAccessKey: open(session.sealedSecret),
          principal,
          token: session.token,
          expiresAt: session.expiresAt,
        };
      }
      const userSession = store.get("userSession", accessKeyId);
      if (userSession !== undefined) {
        const principal = principalOfUserSession(store, userSession);
        const { token, expiresAt, sealedSecret } = userSession;
        return principal && { secretAccessKey: open(sealedSecret), principal, token, expiresAt };
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

function attributesOf(attributes: SessionAttributes | undefined): Partial<Principal> {
  if (attributes === undefined) return {};
  const { tags, transitiveTagKeys, sourceIdentity, mfaAt, provider } = attributes;
  return {
    ...(tags === undefined ? {} : { sessionTags: tags }),
    ...(transitiveTagKeys === undefined ? {} : { transitiveTagKeys }),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(mfaAt === undefined ? {} : { mfaAt }),
    ...(provider === undefined ? {} : { provider }),
  };
}

/** The caller of a user's or root's session; undefined where the user is gone. */
function principalOfUserSession(store: Reader, session: UserSessionRecord): Principal | undefined {
  const { account, userId, federatedName, issuedAt, sessionPolicies } = session;
  const user = userId === undefined ? undefined : store.list("user").find(({ id }) => id === userId);
  if (userId !== undefined && user === undefined) return undefined;
  const rootArn = `arn:aws:iam::${account}:root`;
  const more = { account, issuedAt, ...attributesOf(session.attributes) };
  if (federatedName !== undefined)
    return {
      ...more,
      type: "federated-user",
      arn: `arn:aws:sts::${account}:federated-user/${federatedName}`,
      id: `${account}:${federatedName}`,
      user: { arn: user?.arn ?? rootArn, id: user?.id ?? account },
      sessionPolicies,
    };
  return user === undefined
    ? { ...more, type: "root", arn: rootArn, id: account, isTemporary: true }
    : { ...more, type: "user", arn: user.arn, id: user.id, isTemporary: true };
}

/**
 * The caller as it is now: renamed, or undefined if it was deleted. Another that has its name is not it.
 */
export function currentPrincipal(reader: Reader, principal: Principal): Principal | undefined {
  switch (principal.type) {
    case "root":
    case "anonymous":
    case "service":
      return principal;
    case "user": {
      if (reader.get("user", principal.arn)?.id === principal.id) return principal;
      const renamed = reader.list("user").find(({ id }) => id === principal.id);
      return renamed === undefined ? undefined : { ...principal, arn: renamed.arn };
    }
    case "federated-user": {
      const { id: userId = "" } = principal.user ?? {};
      return userId === principal.account || reader.list("user").some(({ id }) => id === userId)
        ? principal
        : undefined;
    }
    case "assumed-role":
      return reader.get("role", principal.roleArn)?.id === principal.id.split(":")[0] ? principal : undefined;
  }
}
