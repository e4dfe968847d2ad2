import { createHmac, randomBytes } from "node:crypto";
import type * as iam from "@aws-sdk/client-iam";
import type { Vault } from "@gantry/kernel";
import type { MfaDeviceRecord, Reader, Transaction, UserRecord } from "@gantry/state";
import type { Implementation, RequestContext } from "@gantry/wire";
import type { ApiDeps } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { ApiError } from "./api-error.ts";
import {
  alreadyExists,
  deleteConflict,
  findUser,
  noSuchEntity,
  pageOf,
  tagPage,
  userNameOf,
} from "./lookups.ts";

/** Source: "IAM and AWS STS quotas", MFA devices. */
const DEVICES_MAX = 8;
/** RFC 6238 with the parameters that authenticator programs use. */
const STEP_MS = 30_000;
const SEED_BYTES = 40;
/** How many steps a device's clock may be ahead or behind. */
const DRIFT_STEPS = 2;

/**
 * Virtual MFA devices, whose codes GetSessionToken and AssumeRole check.
 * Source: API_CreateVirtualMFADevice and following.
 */
export function mfaDeviceOperations(deps: ApiDeps) {
  const { store } = deps;
  return {
    CreateVirtualMFADevice: (input, context) => createDevice(deps, input, context),
    ListVirtualMFADevices: (input, context) => listDevices(store, input, context),
    ListMFADevices(input, { account, principal }) {
      const user = findUser(store, account, userNameOf(input, principal));
      const own = store.list("mfaDevice").filter(({ userId }) => userId === user.id);
      const { items, ...more } = pageOf(own, ({ serialNumber }) => serialNumber, input);
      return {
        MFADevices: items.map((device) => ({
          UserName: user.name,
          SerialNumber: device.serialNumber,
          EnableDate: new Date(device.enabledAt ?? 0),
        })),
        ...more,
      };
    },
    EnableMFADevice: (input, context) => enableDevice(deps, input, context),
    ResyncMFADevice: (input, context) => resyncDevice(deps, input, context),
    DeactivateMFADevice(input, { account, principal }) {
      store.transact((tx) => {
        const device = findDevice(tx, account, input.SerialNumber);
        const name = userNameOf(input, principal);
        if (name !== undefined && device.userId !== findUser(tx, account, name).id)
          throw noDevice(input.SerialNumber);
        tx.put("mfaDevice", device.serialNumber, { ...device, userId: undefined, enabledAt: undefined });
      });
      return {};
    },
    DeleteVirtualMFADevice(input, { account }) {
      store.transact((tx) => {
        const device = findDevice(tx, account, input.SerialNumber);
        if (device.userId !== undefined)
          throw deleteConflict("MFA VirtualDevice in use. Must deactivate first.");
        tx.delete("mfaDevice", device.serialNumber);
      });
      return {};
    },
    TagMFADevice: (input, { account }) =>
      changeTags(deps, account, input.SerialNumber, (tags) => ({ ...tags, ...toTags(input.Tags) })),
    UntagMFADevice: (input, { account }) =>
      changeTags(deps, account, input.SerialNumber, (tags) => withoutTags(tags, input.TagKeys ?? [])),
    ListMFADeviceTags: (input, { account }) =>
      tagPage(findDevice(store, account, input.SerialNumber).tags, input),
  } satisfies Implementation<typeof iam>;
}

/**
 * Checks a code of a device that is enabled for the user, and takes it: a code is good once.
 * Errors: AccessDenied, in STS's words.
 */
export function useMfaCode(
  tx: Transaction,
  deps: { readonly vault: Vault; readonly now: number },
  {
    user,
    serialNumber,
    code,
  }: { user: UserRecord | undefined; serialNumber: string | undefined; code: string | undefined },
): void {
  const device = tx.get("mfaDevice", serialNumber);
  const step =
    device === undefined || user === undefined || device.userId !== user.id
      ? undefined
      : stepOf(deps.vault.open(device.sealedSeed), [code ?? ""], { now: deps.now, after: device.usedStep });
  if (device === undefined || step === undefined)
    throw new ApiError(
      "AccessDenied",
      "MultiFactorAuthentication failed with invalid MFA one time pass code.",
      {
        status: 403,
      },
    );
  tx.put("mfaDevice", device.serialNumber, { ...device, usedStep: step });
}

function createDevice(
  { store, vault }: ApiDeps,
  input: iam.CreateVirtualMFADeviceRequest,
  { account }: RequestContext,
): iam.CreateVirtualMFADeviceResponse {
  const [name, path] = [input.VirtualMFADeviceName ?? "", input.Path ?? "/"];
  const seed = randomBytes(SEED_BYTES);
  const device: MfaDeviceRecord = {
    serialNumber: `arn:aws:iam::${account}:mfa${path}${name}`,
    account,
    name,
    sealedSeed: vault.seal(seed.toString("hex")),
    userId: undefined,
    enabledAt: undefined,
    usedStep: 0,
    tags: toTags(input.Tags),
  };
  store.transact((tx) => {
    if (tx.list("mfaDevice").some((each) => each.account === account && each.name === name))
      throw alreadyExists("MFADevice entity at the same path and name already exists.");
    tx.put("mfaDevice", device.serialNumber, device);
  });
  return {
    VirtualMFADevice: {
      SerialNumber: device.serialNumber,
      Base32StringSeed: Buffer.from(base32(seed)),
      Tags: presentTags(device.tags),
    },
  };
}

function listDevices(
  reader: Reader,
  input: iam.ListVirtualMFADevicesRequest,
  { account }: RequestContext,
): iam.ListVirtualMFADevicesResponse {
  const fitting = reader
    .list("mfaDevice")
    .filter((device) => device.account === account)
    .filter(({ userId }) =>
      input.AssignmentStatus === "Assigned"
        ? userId !== undefined
        : input.AssignmentStatus !== "Unassigned" || userId === undefined,
    );
  const { items, ...more } = pageOf(fitting, ({ serialNumber }) => serialNumber, input);
  const users = new Map(reader.list("user").map((user) => [user.id, user]));
  return {
    VirtualMFADevices: items.map((device) => {
      const user = device.userId === undefined ? undefined : users.get(device.userId);
      return {
        SerialNumber: device.serialNumber,
        EnableDate: device.enabledAt === undefined ? undefined : new Date(device.enabledAt),
        User:
          user === undefined
            ? undefined
            : {
                UserName: user.name,
                UserId: user.id,
                Arn: user.arn,
                Path: user.path,
                CreateDate: new Date(user.createdAt),
              },
        Tags: presentTags(device.tags),
      };
    }),
    ...more,
  };
}

function enableDevice(
  { store, vault, clock }: ApiDeps,
  input: iam.EnableMFADeviceRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const user = findUser(tx, account, input.UserName);
    const device = findDevice(tx, account, input.SerialNumber);
    if (device.userId !== undefined) throw alreadyExists("MFA Device is already in use.");
    if (tx.list("mfaDevice").filter(({ userId }) => userId === user.id).length >= DEVICES_MAX)
      throw new ApiError("LimitExceeded", `Cannot exceed quota for MfaDevicesPerUser: ${DEVICES_MAX}`, {
        status: 409,
      });
    const usedStep = consecutive(device, input, { vault, now: clock.now() });
    tx.put("mfaDevice", device.serialNumber, {
      ...device,
      userId: user.id,
      enabledAt: clock.now(),
      usedStep,
    });
  });
  return {};
}

function resyncDevice(
  { store, vault, clock }: ApiDeps,
  input: iam.ResyncMFADeviceRequest,
  { account }: RequestContext,
): object {
  store.transact((tx) => {
    const user = findUser(tx, account, input.UserName);
    const device = findDevice(tx, account, input.SerialNumber);
    if (device.userId !== user.id) throw noDevice(input.SerialNumber);
    const usedStep = consecutive(device, input, { vault, now: clock.now() });
    tx.put("mfaDevice", device.serialNumber, { ...device, usedStep });
  });
  return {};
}

/** The step of the second of two consecutive codes. Errors: InvalidAuthenticationCode. */
function consecutive(
  device: MfaDeviceRecord,
  {
    AuthenticationCode1: one = "",
    AuthenticationCode2: two = "",
  }: iam.ResyncMFADeviceRequest | iam.EnableMFADeviceRequest,
  { vault, now }: { vault: Vault; now: number },
): number {
  const step = stepOf(vault.open(device.sealedSeed), [one, two], { now, after: device.usedStep });
  if (step === undefined)
    throw new ApiError("InvalidAuthenticationCode", "Authentication code for device is not valid.", {
      status: 403,
    });
  return step;
}

/** The last step of these consecutive codes, where it is near the time and after a step; undefined where it is not. */
function stepOf(
  seed: string,
  codes: readonly string[],
  { now, after }: { now: number; after: number },
): number | undefined {
  const current = Math.floor(now / STEP_MS);
  for (let last = current - DRIFT_STEPS; last <= current + DRIFT_STEPS; last += 1) {
    const first = last - codes.length + 1;
    if (first > after && codes.every((code, index) => code === codeOf(seed, first + index))) return last;
  }
  return undefined;
}

/** Six digits. Source: RFC 4226, section 5.3. */
export function codeOf(seed: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", Buffer.from(seed, "hex")).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0xf;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const BASE_32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? []).map((five) => BASE_32[Number.parseInt(five, 2)] ?? "").join("");
}

/** The seed in hex, as it is kept, of the text that CreateVirtualMFADevice returns. */
export function seedOf(text: string): string {
  const bits = [...text].map((letter) => BASE_32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))).toString("hex");
}

function findDevice(reader: Reader, account: string, serialNumber: string | undefined): MfaDeviceRecord {
  const device = reader.get("mfaDevice", serialNumber);
  if (device?.account !== account) throw noDevice(serialNumber);
  return device;
}

function noDevice(serialNumber: string | undefined): ApiError {
  return noSuchEntity(`VirtualMFADevice with serial number ${serialNumber} does not exist.`);
}

function changeTags(
  { store }: ApiDeps,
  account: string,
  serialNumber: string | undefined,
  apply: (tags: MfaDeviceRecord["tags"]) => MfaDeviceRecord["tags"],
): object {
  store.transact((tx) => {
    const device = findDevice(tx, account, serialNumber);
    tx.put("mfaDevice", device.serialNumber, { ...device, tags: apply(device.tags) });
  });
  return {};
}
