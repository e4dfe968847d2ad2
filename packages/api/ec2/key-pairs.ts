import { createHash, generateKeyPairSync, createPublicKey, type KeyObject } from "node:crypto";
import type * as ec2 from "@aws-sdk/client-ec2";
import type { KeyPairRecord, Reader } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { isIn } from "../common/place.ts";
import { presentTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import type { Ec2Deps } from "./ec2-deps.ts";
import { applyFilters, selectById, tagsFor, type FilterFields } from "./filters.ts";
import { openSshPrivateKey, parseOpenSshKey, readText, sshEncoded } from "./open-ssh-keys.ts";

/** Key pairs, by which their owners log in to instances. Source: API_CreateKeyPair and following. */
export function keyPairOperations(deps: Ec2Deps) {
  return {
    CreateKeyPair: (input, context) => createKeyPair(deps, input, context),
    ImportKeyPair: (input, context) => importKeyPair(deps, input, context),
    DescribeKeyPairs: (input, context) => describeKeyPairs(deps, input, context),
    DeleteKeyPair: (input, context) => deleteKeyPair(deps, input, context),
  } satisfies Implementation<typeof ec2>;
}

function createKeyPair(deps: Ec2Deps, input: ec2.CreateKeyPairRequest, context: RequestContext): ec2.KeyPair {
  const type = input.KeyType ?? "rsa";
  const made = type === "rsa" ? newRsaKey() : newEd25519Key();
  const record = putKeyPair(deps, context, { ...made, type, input });
  return { ...presentNew(record), KeyMaterial: made.material };
}

interface NewKey {
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly material: string;
}

/** Source: "Verify the fingerprint of your key pair": SHA-1 of the private key as PKCS #8. */
function newRsaKey(): NewKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return {
    publicKey: rsaLine(publicKey),
    fingerprint: colons(createHash("sha1").update(privateKey.export({ type: "pkcs8", format: "der" }))),
    material: privateKey.export({ type: "pkcs1", format: "pem" }),
  };
}

function newEd25519Key(): NewKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "", d = "" } = privateKey.export({ format: "jwk" });
  const [point, seed] = [Buffer.from(x, "base64url"), Buffer.from(d, "base64url")];
  const blob = Buffer.concat([sshEncoded("ssh-ed25519"), sshEncoded(point)]);
  return {
    publicKey: `ssh-ed25519 ${blob.toString("base64")}`,
    fingerprint: ed25519Fingerprint(blob),
    material: openSshPrivateKey(blob, { point, seed }),
  };
}

function rsaLine(key: KeyObject): string {
  const { e = "", n = "" } = key.export({ format: "jwk" });
  const blob = Buffer.concat([
    sshEncoded("ssh-rsa"),
    ...[e, n].map((text) => {
      const number = Buffer.from(text, "base64url");
      // The first bit of a number is its sign.
      return sshEncoded((number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), number]) : number);
    }),
  ]);
  return `ssh-rsa ${blob.toString("base64")}`;
}

function importKeyPair(
  deps: Ec2Deps,
  input: ec2.ImportKeyPairRequest,
  context: RequestContext,
): ec2.ImportKeyPairResult {
  const parsed = parseImported(Buffer.from(input.PublicKeyMaterial ?? []).toString("latin1"));
  return presentNew(putKeyPair(deps, context, { ...parsed, input }));
}

/** Source: API_ImportKeyPair: OpenSSH's format, PEM, and DER in base64. Errors: InvalidKey.Format. */
function parseImported(text: string): {
  type: KeyPairRecord["type"];
  publicKey: string;
  fingerprint: string;
} {
  const line = text
    .split("\n")
    .find((each) => each.trim().startsWith("ssh-"))
    ?.trim();
  try {
    const parsed = line === undefined ? undefined : parseOpenSshKey(line);
    if (parsed?.type === "ed25519")
      return { type: "ed25519", publicKey: line ?? "", fingerprint: ed25519Fingerprint(parsed.blob) };
    const key =
      parsed?.key ??
      (text.includes("-----BEGIN")
        ? createPublicKey(text)
        : createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" }));
    if (key.asymmetricKeyType !== "rsa") throw invalidKey();
    const der = key.export({ type: "spki", format: "der" });
    // Source: "Verify the fingerprint of your key pair": MD5 of the public key.
    const fingerprint = colons(createHash("md5").update(der));
    return { type: "rsa", publicKey: line ?? rsaLine(key), fingerprint };
  } catch {
    throw invalidKey();
  }
}

const invalidKey = () => new ApiError("InvalidKey.Format", "Key is not in valid OpenSSH public key format");

function colons(hash: ReturnType<typeof createHash>): string {
  return hash.digest("hex").replace(/(..)(?=.)/g, "$1:");
}

function ed25519Fingerprint(blob: Uint8Array): string {
  return createHash("sha256").update(blob).digest("base64");
}

function putKeyPair(
  { store, ids, clock }: Ec2Deps,
  place: Place,
  parts: {
    readonly type: KeyPairRecord["type"];
    readonly publicKey: string;
    readonly fingerprint: string;
    readonly input: Pick<ec2.CreateKeyPairRequest, "KeyName" | "TagSpecifications">;
  },
): KeyPairRecord {
  const { type, publicKey, fingerprint, input } = parts;
  const name = input.KeyName ?? "";
  if (name === "" || name.length > 255)
    throw new ApiError("InvalidParameterValue", `Invalid value '${name}' for keyPairNames.`);
  return store.transact((tx) => {
    if (findKeyPair(tx, place, { name }) !== undefined)
      throw new ApiError("InvalidKeyPair.Duplicate", `The keypair already exists`);
    const record: KeyPairRecord = {
      ...{ account: place.account, region: place.region, id: `key-${ids.hex(17)}` },
      ...{ name, type, publicKey, fingerprint, createdAt: clock.now() },
      tags: tagsFor(input.TagSpecifications, "key-pair"),
    };
    tx.put("keyPair", record.id, record);
    return record;
  });
}

/** The key pair with a name or an id. */
export function findKeyPair(
  reader: Reader,
  place: Place,
  { name, id }: { readonly name?: string | undefined; readonly id?: string | undefined },
): KeyPairRecord | undefined {
  return reader
    .list("keyPair")
    .find((each) => isIn(each, place) && (id === undefined ? each.name === name : each.id === id));
}

/** Errors: InvalidKeyPair.NotFound. */
export function namedKeyPair(reader: Reader, place: Place, name: string): KeyPairRecord {
  const found = findKeyPair(reader, place, { name });
  if (found === undefined) throw missingKeyPair(name);
  return found;
}

function missingKeyPair(name: string): ApiError {
  return new ApiError("InvalidKeyPair.NotFound", `The key pair '${name}' does not exist`);
}

const KEY_PAIR_FIELDS: FilterFields<KeyPairRecord> = {
  "key-name": (pair) => pair.name,
  "key-pair-id": (pair) => pair.id,
  fingerprint: (pair) => pair.fingerprint,
};

function describeKeyPairs(
  { store }: Ec2Deps,
  input: ec2.DescribeKeyPairsRequest,
  context: RequestContext,
): ec2.DescribeKeyPairsResult {
  const all = store.list("keyPair").filter((pair) => isIn(pair, context));
  const named = selectById(all, input.KeyNames, (pair) => pair.name, missingKeyPair);
  const chosen = selectById(named, input.KeyPairIds, (pair) => pair.id, missingKeyPair);
  return {
    KeyPairs: applyFilters(chosen, input.Filters, KEY_PAIR_FIELDS).map((pair) => ({
      ...{ KeyPairId: pair.id, KeyName: pair.name, KeyType: pair.type, KeyFingerprint: pair.fingerprint },
      ...(input.IncludePublicKey === true ? { PublicKey: readText(pair.publicKey, pair.name) } : {}),
      CreateTime: new Date(pair.createdAt),
      Tags: presentTags(pair.tags),
    })),
  };
}

/** A key pair that does not exist is deleted already. */
function deleteKeyPair(
  { store }: Ec2Deps,
  input: ec2.DeleteKeyPairRequest,
  context: RequestContext,
): ec2.DeleteKeyPairResult {
  if (input.KeyName === undefined && input.KeyPairId === undefined)
    throw new ApiError("MissingParameter", "The request must contain the parameter KeyName or KeyPairId");
  if (input.KeyName !== undefined && input.KeyPairId !== undefined)
    throw new ApiError(
      "InvalidParameterCombination",
      "The parameters KeyName and KeyPairId may not be specified together",
    );
  const found = store.transact((tx) => {
    const record = findKeyPair(tx, context, { name: input.KeyName, id: input.KeyPairId });
    if (record !== undefined) tx.delete("keyPair", record.id);
    return record;
  });
  return found === undefined ? {} : { Return: true, KeyPairId: found.id };
}

function presentNew(record: KeyPairRecord): ec2.ImportKeyPairResult {
  return {
    KeyName: record.name,
    KeyPairId: record.id,
    KeyFingerprint: record.fingerprint,
    Tags: presentTags(record.tags),
  };
}
