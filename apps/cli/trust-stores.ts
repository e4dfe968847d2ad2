import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** The machine whose trust stores are changed; tests have a folder of their own as its root. */
export interface TrustHost {
  /** The folder that paths of the system are below: "/" but in tests. */
  readonly root: string;
  /** The home folder of the user whose browsers are meant. */
  readonly home: string;
  readonly has: (program: string) => boolean;
  readonly run: (program: string, parameters: readonly string[]) => Promise<unknown>;
}

/** A certificate to trust, and the name that it has in the stores. */
export interface TrustedAuthority {
  readonly name: string;
  /** The file with its certificate in PEM. */
  readonly path: string;
}

/** What became of one store. */
export interface StoreResult {
  readonly store: string;
  readonly result: "added" | "removed" | "unchanged" | "absent" | "failed";
  /** What is missing, or why it failed. */
  readonly reason?: string;
}

interface TrustStore {
  readonly name: string;
  /** What is missing on this machine; undefined where the store can be changed. */
  readonly missing: string | undefined;
  holds(): Promise<boolean>;
  add(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Adds an authority to every trust store of the machine, or removes it from them. Doing it twice changes nothing. A
 * store that fails does not keep the others from being changed.
 */
export async function changeTrust(
  host: TrustHost,
  authority: TrustedAuthority,
  action: "add" | "remove",
): Promise<readonly StoreResult[]> {
  const results: StoreResult[] = [];
  for (const store of storesOf(host, authority)) results.push(await changeStore(store, action));
  return results;
}

async function changeStore(store: TrustStore, action: "add" | "remove"): Promise<StoreResult> {
  const { name } = store;
  if (store.missing !== undefined) return { store: name, result: "absent", reason: store.missing };
  try {
    if ((await store.holds()) === (action === "add")) return { store: name, result: "unchanged" };
    await store[action]();
    return { store: name, result: action === "add" ? "added" : "removed" };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { store: name, result: "failed", reason: reason.split("\n").filter(Boolean).at(-1) ?? "" };
  }
}

function storesOf(host: TrustHost, authority: TrustedAuthority): readonly TrustStore[] {
  const firefox = join(host.home, ".mozilla/firefox");
  const profiles = existsSync(firefox)
    ? readdirSync(firefox).filter((each) => existsSync(join(firefox, each, "cert9.db")))
    : [];
  return [
    systemStore(host, authority),
    nssStore(host, authority, { name: "Chromium", folder: join(host.home, ".pki/nssdb"), isMade: true }),
    ...profiles.map((profile) =>
      nssStore(host, authority, {
        name: `Firefox (${profile})`,
        folder: join(firefox, profile),
        isMade: false,
      }),
    ),
    javaStore(host, authority),
  ];
}

/** Source: update-ca-certificates(8) of Debian; update-ca-trust(8) of Fedora. */
function systemStore({ root, has, run }: TrustHost, { name, path }: TrustedAuthority): TrustStore {
  const debian = { folder: "usr/local/share/ca-certificates", end: "crt", program: "update-ca-certificates" };
  const fedora = { folder: "etc/pki/ca-trust/source/anchors", end: "pem", program: "update-ca-trust" };
  const kind = [debian, fedora].find(({ program }) => has(program));
  const file = join(root, kind?.folder ?? "", `${name}.${kind?.end ?? ""}`);
  return {
    name: "system",
    missing: kind === undefined ? "update-ca-certificates (package ca-certificates) is not there" : undefined,
    holds: () => Promise.resolve(existsSync(file) && readFileSync(file).equals(readFileSync(path))),
    async add() {
      mkdirSync(dirname(file), { recursive: true });
      copyFileSync(path, file);
      await run(kind?.program ?? "", []);
    },
    async remove() {
      rmSync(file, { force: true });
      await run(kind?.program ?? "", kind === debian ? ["--fresh"] : []);
      // The hook of Debian's Java adds what the system trusts to Java's store, and is not told what is gone.
      if (kind === debian && has("keytool"))
        await succeeds(run("keytool", ["-delete", ...javaEntry(`debian:${name}.pem`)]));
    },
  };
}

/** A database of NSS. Source: certutil(1). `isMade`: whether it is created where it is not there. */
function nssStore(
  { has, run }: TrustHost,
  authority: TrustedAuthority,
  { name, folder, isMade }: { readonly name: string; readonly folder: string; readonly isMade: boolean },
): TrustStore {
  const database = ["-d", `sql:${folder}`];
  const hasDatabase = (): boolean => existsSync(join(folder, "cert9.db"));
  return {
    name,
    missing: has("certutil") ? undefined : "certutil (package libnss3-tools) is not there",
    holds: () =>
      hasDatabase()
        ? succeeds(run("certutil", ["-L", ...database, "-n", authority.name]))
        : Promise.resolve(false),
    async add() {
      if (!hasDatabase() && isMade) {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        await run("certutil", ["-N", ...database, "--empty-password"]);
      }
      await run("certutil", ["-A", ...database, "-n", authority.name, "-t", "C,,", "-i", authority.path]);
    },
    async remove() {
      await run("certutil", ["-D", ...database, "-n", authority.name]);
    },
  };
}

/** The store that comes with Java, whose password everyone knows. Source: keytool, "-cacerts". */
function javaStore({ has, run }: TrustHost, { name, path }: TrustedAuthority): TrustStore {
  const store = javaEntry(name);
  return {
    name: "Java",
    missing: has("keytool") ? undefined : "keytool (of a Java runtime) is not there",
    holds: () => succeeds(run("keytool", ["-list", ...store])),
    async add() {
      await run("keytool", ["-importcert", ...store, "-file", path, "-noprompt"]);
    },
    async remove() {
      await run("keytool", ["-delete", ...store]);
    },
  };
}

function javaEntry(alias: string): readonly string[] {
  return ["-cacerts", "-storepass", "changeit", "-alias", alias];
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
