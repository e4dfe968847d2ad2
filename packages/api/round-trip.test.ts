import { Readable } from "node:stream";
import type { AddressInfo } from "node:net";
import { SmithyRpcV2CborProtocol } from "@smithy/core/cbor";
import { randomIds, silentLogger, SystemClock } from "@gantry/kernel";
import {
  ApiError,
  Dispatcher,
  loadService,
  newHttpServer,
  type ErrorCode,
  type LoadedService,
} from "@gantry/wire";
import type { Member, Shape } from "@gantry/wire/shape";
import { SDK_CLIENTS, SDK_MODULES, toNamedHosts } from "@gantry/testkit/sdk-clients";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DESCRIPTORS } from "./services.ts";

// Every operation of every service, there or not: what the SDK sends is what a handler gets, and what a handler
// answers is what the SDK reads. Values are made from the shapes, by a generator with a fixed seed.
// Modules are records.
const sdks = SDK_MODULES as unknown as Record<keyof typeof DESCRIPTORS, Record<string, unknown>>;
const KEY = { accessKeyId: "AKIAROUNDTRIP", secretAccessKey: "secret" };

/** Names whose meaning the SDK or S3 themselves enforce, beyond the shape. */
const SPECIAL: Readonly<Record<string, unknown>> = {
  Bucket: "a-bucket",
  Key: "a/key +with ünicode",
  // S3 Control's hosts begin with it.
  AccountId: "000000000000",
  DestinationRegion: undefined,
  EndpointId: undefined,
};
/** Most other operations of S3 Control go to hosts of their own, or are those of Outposts. */
const ONLY: Readonly<Record<string, RegExp>> = {
  s3control: /PublicAccessBlock$|^(?:Tag|Untag|ListTagsFor)Resource$/,
};
const ACCOUNT_OF: Readonly<Record<string, object>> = { s3control: { AccountId: SPECIAL["AccountId"] } };
/** Checked or computed by the SDK on its own. */
const COMPUTED =
  /^(Checksum|SSECustomer|CopySourceSSECustomer|ContentMD5|ContentLength|Expires$|ExpiresString)/;
const SKIPPED: Readonly<Record<string, string>> = {
  "s3:SelectObjectContent": "answers an event stream",
  "s3:WriteGetObjectResponse": "goes to a host of its own",
  "s3:ListDirectoryBuckets": "goes to a host of its own",
  "logs:StartLiveTail": "answers an event stream",
  "logs:GetLogObject": "answers an event stream",
  "sqs:SendMessage": "the client compares checksums",
  "sqs:SendMessageBatch": "the client compares checksums",
  "sqs:ReceiveMessage": "the client compares checksums",
  "sts:AssumeRoleWithSAML": "is not signed",
  "sts:AssumeRoleWithWebIdentity": "is not signed",
};

let answers: (operation: string) => Record<string, unknown> = () => ({});
let seen: { operation: string; input: Record<string, unknown> } | undefined;
let endpoint = "";
let server: ReturnType<typeof newHttpServer>;
const services = new Map<string, LoadedService>();

beforeAll(async () => {
  const dispatcher = new Dispatcher({
    clock: new SystemClock(),
    ids: randomIds(),
    log: silentLogger,
    credentials: {
      find: () => ({
        secretAccessKey: KEY.secretAccessKey,
        principal: { type: "root", arn: "arn:aws:iam::000000000000:root", account: "000000000000", id: "0" },
        token: undefined,
        expiresAt: undefined,
      }),
    },
    policy: {
      deniedBecause: () => undefined,
      endpointDeniedBecause: () => undefined,
      neverBecause: () => undefined,
      requestKeys: () => ({}),
    },
    settled: () => Promise.resolve(),
  });
  for (const [name, descriptor] of Object.entries(DESCRIPTORS)) {
    const sdk = sdks[name as keyof typeof DESCRIPTORS]; // A key of it.
    const names = loadService(descriptor, { sdk, operations: {} }).operations.keys();
    const operations = Object.fromEntries(
      [...names].map((operation) => [
        operation,
        (input: Record<string, unknown>) => {
          seen = { operation, input };
          return answers(operation);
        },
      ]),
    );
    services.set(name, loadService(descriptor, { sdk, operations }));
    const spoken =
      name === "ecs"
        ? { ...descriptor, protocols: [...descriptor.protocols, "rpcv2Cbor" as const] }
        : descriptor;
    dispatcher.register(spoken, async () => ({ sdk, operations }));
  }
  server = newHttpServer((request, response, continueWith) =>
    dispatcher.handle(request, response, continueWith),
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // A listening TCP server has an address.
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const SUBJECTS = [
  ...(Object.keys(DESCRIPTORS) as (keyof typeof DESCRIPTORS)[]).map((name) => ({
    title: name,
    name,
    protocol: undefined,
  })),
  // No service of ours speaks CBOR by default yet; ECS's shapes do as well as any.
  { title: "ecs by CBOR", name: "ecs" as const, protocol: SmithyRpcV2CborProtocol },
];

/**
 * Errors that share a code of the Query protocol with another, here and on AWS: clients raise the other. And errors of
 * operations that are not here, whose member `Errors` the SDK takes for the list of the protocol.
 */
const AMBIGUOUS: ReadonlySet<string> = new Set([
  "DashboardNotFoundError",
  "InvalidResourceRecordSetProtectionBatch",
  "ProtectionAlreadyExists",
]);

describe.each(SUBJECTS)("$title", ({ name, protocol }) => {
  it("encodes and decodes every operation", async () => {
    const random = newRandom(name);
    const client = openClient(name, protocol);
    const problems: string[] = [];
    let count = 0;
    for (const [operation, { input, output }] of services.get(name)?.operations ?? []) {
      // The SDK's own naming.
      const Command = sdks[name][`${operation}Command`] as (new (input: unknown) => unknown) | undefined;
      if (Command === undefined || SKIPPED[`${name}:${operation}`] !== undefined) continue;
      if (ONLY[name]?.test(operation) === false) continue;
      // A structure, or nothing.
      const filled = valueOf(input, { random, depth: 0, name: "", input: true }) as Record<string, unknown>;
      const given = ACCOUNT_OF[name] === undefined ? filled : { ...filled, ...ACCOUNT_OF[name] };
      const answered = valueOf(output, { random, depth: 0, name: "", input: false }) as Record<
        string,
        unknown
      >; // As above.
      answers = () => answered;
      seen = undefined;
      try {
        const { $metadata: _, ...read } = await client.send(new Command(given));
        await same(seen, { operation, input: given ?? {} });
        await same(read, answered ?? {});
        count += 1;
      } catch (thrown) {
        problems.push(
          `${operation}: ${thrown instanceof Error ? thrown.message.slice(0, 600) : String(thrown)}`,
        );
      }
    }
    client.destroy();
    expect(problems, problems.slice(0, 12).join("\n\n")).toEqual([]);
    expect(count).toBeGreaterThan(5);
  });

  it("raises every error of its model as the SDK's own class, with its members", async () => {
    const random = newRandom(`${name} errors`);
    const client = openClient(name, protocol);
    const service = services.get(name);
    const operations = [...(service?.operations ?? [])].filter(
      ([each]) => sdks[name][`${each}Command`] !== undefined,
    );
    // An input without required members where there is one: it says nothing that an endpoint is chosen by.
    const [operation, { input }] =
      operations.find(([, shapes]) => isEasy(shapes.input)) ?? operations[0] ?? expect.fail("has none");
    const given = isEasy(input)
      ? (ACCOUNT_OF[name] ?? {})
      : valueOf(input, { random, depth: 0, name: "", input: true });
    const Command = sdks[name][`${operation}Command`] as new (input: unknown) => unknown; // Found just above.
    const problems: string[] = [];
    for (const error of new Set(service?.errors.values())) {
      const Raised = sdks[name][error.name] as (new (...parts: never[]) => Error) | undefined; // The SDK's own naming.
      if (Raised === undefined || AMBIGUOUS.has(error.name)) continue;
      // EFS's ErrorCode is the code again.
      const {
        message: _,
        Message: __,
        ErrorCode: ___,
        ...fields
      } = valueOf(error.shape, { random, depth: 0, name: "", input: false }) as Record<string, unknown>; // A structure.
      answers = () => {
        throw new ApiError(error.name as ErrorCode, "What AWS says of it.", { fields });
      };
      const thrown: unknown = await client.send(new Command(given)).then(
        () => undefined,
        (each: unknown) => each,
      );
      const { message, $metadata } = (thrown ?? {}) as {
        message?: string;
        $metadata?: { httpStatusCode?: number };
      }; // The SDK's errors have these.
      const place = difference(
        await plain(
          Object.fromEntries(
            Object.keys(fields).map((key) => [key, (thrown as Record<string, unknown>)[key]]),
          ),
        ),
        await plain(fields),
        "",
      );
      if (!(thrown instanceof Raised)) problems.push(`${error.name}: ${String(thrown)}`);
      else if (
        message !== "What AWS says of it." ||
        $metadata?.httpStatusCode !== error.status ||
        place !== undefined
      )
        problems.push(
          `${error.name}: ${message} (${$metadata?.httpStatusCode} for ${error.status}) ${place ?? ""}`,
        );
    }
    client.destroy();
    expect(problems, problems.slice(0, 12).join("\n\n")).toEqual([]);
  });
});

/** Whether an operation can be called with nothing. */
function isEasy(input: Shape): boolean {
  return input.type === "structure" && !input.members.some((member) => member.required);
}

function openClient(name: keyof typeof DESCRIPTORS, protocol: typeof SmithyRpcV2CborProtocol | undefined) {
  const Client = SDK_CLIENTS[name] as unknown as new (configuration: object) => {
    send(command: unknown): Promise<Record<string, unknown>>;
    destroy(): void;
  }; // All of a kind.
  return new Client({
    disableHostPrefix: true,
    region: "eu-south-1",
    ...(name === "s3control" ? toNamedHosts({ endpoint }) : { endpoint }),
    credentials: KEY,
    maxAttempts: 1,
    forcePathStyle: true,
    ...(protocol === undefined ? {} : { protocol }),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** Errors: the first place where the two differ. */
async function same(actual: unknown, wanted: unknown): Promise<void> {
  const place = difference(await plain(actual), await plain(wanted), "");
  if (place !== undefined) throw new Error(place);
}

function difference(actual: unknown, wanted: unknown, path: string): string | undefined {
  if (Object.is(actual, wanted)) return undefined;
  if (typeof actual !== "object" || typeof wanted !== "object" || actual === null || wanted === null)
    return `${path}: ${JSON.stringify(wanted)} became ${JSON.stringify(actual)}`;
  const [a, b] = [actual as Record<string, unknown>, wanted as Record<string, unknown>]; // Checked above.
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = difference(a[key], b[key], `${path}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Streams as their text, bytes as text, moments as numbers; what is absent is left out. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Readable) return Buffer.concat(await value.toArray()).toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (typeof value !== "object" || value === null) return value;
  const entries = await Promise.all(
    Object.entries(value)
      .filter(([key]) => key !== "ContentLength")
      .map(async ([key, each]) => [key, await plain(each)] as const),
  );
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

const ALWAYS = ["httpLabel", "idempotencyToken", "httpPayload", "httpPrefixHeaders"];

interface Making {
  readonly random: () => number;
  readonly depth: number;
  readonly name: string;
  readonly input: boolean;
}

/** A value of a shape: nothing empty, for XML and queries do not tell an empty list from none. */
function valueOf(shape: Shape, making: Making, member?: Member): unknown {
  const { random, depth, name } = making;
  const deeper = { ...making, depth: depth + 1 };
  if (shape.type === "string" && name in SPECIAL && making.input) return SPECIAL[name];
  if (COMPUTED.test(name)) return undefined;
  switch (shape.type) {
    case "structure": {
      const wanted = shape.union
        ? shape.members.slice(Math.floor(random() * shape.members.length)).slice(0, 1)
        : shape.members;
      const always = (each: Member) =>
        shape.union ||
        each.name === "ContentType" ||
        each.required ||
        ALWAYS.some((trait) => each.traits[trait] !== undefined);
      const some = wanted.filter((each) => always(each) || (depth < 4 && random() < 0.6));
      const chosen = some.length > 0 ? some : wanted.slice(0, 1);
      return Object.fromEntries(
        chosen.map((each) => [each.name, valueOf(each.shape, { ...deeper, name: each.name }, each)]),
      );
    }
    case "list":
      return Array.from({ length: depth > 4 ? 1 : 1 + Math.floor(random() * 2) }, () =>
        valueOf(shape.element.shape, { ...deeper, name: "" }, isInHeader(member) ? member : shape.element),
      );
    case "map":
      return {
        [`k${Math.floor(random() * 100)}`]: valueOf(
          shape.value.shape,
          { ...deeper, name: "" },
          isInHeader(member) ? member : shape.value,
        ),
      };
    case "timestamp":
      return new Date(Math.floor(1_600_000_000 + random() * 1e8) * 1000);
    case "number":
      return 1 + Math.floor(random() * 500);
    case "boolean":
      return random() < 0.5;
    case "blob":
      return Buffer.from(`bytes ${random()}`);
    case "streaming":
      return Buffer.from(`stream ${random()}`);
    case "string":
      return isInHeader(member)
        ? `h${Math.floor(random() * 1e6)}`
        : `<s> & "q" 'a' ünï €${Math.floor(random() * 1e6)}`;
    case "document":
      return { any: "thing" };
    default:
      return undefined;
  }
}

function isInHeader(member: Member | undefined): boolean {
  return ["httpHeader", "httpPrefixHeaders", "httpLabel"].some(
    (trait) => member?.traits[trait] !== undefined,
  );
}

/** Numbers from 0 to 1 that are the same in every run. */
function newRandom(seed: string): () => number {
  let state = [...seed].reduce(
    (sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 16_777_619),
    2_166_136_261,
  );
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
