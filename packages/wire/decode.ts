import { Readable } from "node:stream";
import { ApiError } from "./api-error.ts";
import type { ErrorCode } from "./error-codes.ts";
import { nextTurn } from "./large-bodies.ts";
import { violations, type Constraints } from "./constraints.ts";
import { readCbor } from "./protocols/cbor.ts";
import { bindingsOf, readBindings } from "./protocols/http-bindings.ts";
import { parseJsonInTurns, parseJsonObject, readJson, readJsonInTurns } from "./protocols/json.ts";
import { parseForm, readQuery } from "./protocols/query.ts";
import { parseXml, parseXmlInTurns, readXml, readXmlInTurns } from "./protocols/xml.ts";
import type { Operation, Protocol } from "./service.ts";
import type { Shape } from "./shape.ts";

type Structure = Extract<Shape, { type: "structure" }>;

/** What decoding needs besides the body. */
export interface DecodedRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawQuery: string;
}

/** The parts of a request that its input is decoded from. */
interface RequestParts {
  readonly exchange: DecodedRequest;
  readonly labels: Record<string, string>;
  readonly buffered: Buffer | undefined;
  readonly stream: Readable | undefined;
  /** The parameters of a request of the Query protocols. */
  readonly form: URLSearchParams | undefined;
  /** The parsed document of a large body, where `documentOf` has parsed it already. */
  readonly document: Document | undefined;
  /** How many values the body may have. */
  readonly valuesMax: number;
}

const NO_BYTES = Buffer.alloc(0);
const NO_PARAMETERS = new URLSearchParams();

/** Decodes the typed input of an operation from the parts of the request that its protocol uses. */
export function decode(
  operation: Operation,
  protocol: Protocol,
  parts: RequestParts,
): Record<string, unknown> {
  const { buffered = NO_BYTES, form = NO_PARAMETERS } = parts;
  const shape = operation.input;
  if (shape.type !== "structure") return {};
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1":
      return readDocument("json", shape, parts) as Record<string, unknown>; // A structure reads as an object.
    case "rpcv2Cbor":
      return readCbor(shape, buffered) as Record<string, unknown>; // As above.
    case "awsQuery":
      return readQuery(shape, form, "query") as Record<string, unknown>; // As above.
    case "ec2Query":
      return readQuery(shape, form, "ec2") as Record<string, unknown>; // As above.
    case "restJson1":
      return decodeRest(shape, "json", parts);
    case "restXml":
      return decodeRest(shape, "xml", parts);
  }
}

/** Decodes the body by the shape; a document that was decoded before is returned as it is. */
function readDocument(format: "json" | "xml", shape: Shape, parts: RequestParts): unknown {
  const { document, buffered = NO_BYTES, valuesMax } = parts;
  if (document?.value !== undefined && document.value !== null) return document.value;
  return format === "xml"
    ? readXml(shape, parseXml(buffered.toString(), valuesMax))
    : readJson(shape, parseJsonObject(buffered, valuesMax));
}

function decodeRest(shape: Structure, format: "json" | "xml", parts: RequestParts): Record<string, unknown> {
  const { buffered = NO_BYTES } = parts;
  const { rawQuery } = parts.exchange;
  const input = readBindings(shape, {
    labels: parts.labels,
    query: rawQuery === "" ? NO_PARAMETERS : new URLSearchParams(rawQuery),
    headers: parts.exchange.headers,
  });
  const { payload, body: rest } = bindingsOf(shape);
  if (payload !== undefined) {
    if (payload.shape.type === "streaming")
      return { ...input, [payload.name]: parts.stream ?? Readable.from([buffered]) };
    if (payload.shape.type === "blob") return { ...input, [payload.name]: buffered };
    if (payload.shape.type === "string") return { ...input, [payload.name]: buffered.toString() };
    if (buffered.length === 0) return input;
    return { ...input, [payload.name]: readDocument(format, payload.shape, parts) };
  }
  if (buffered.length === 0) return input;
  if (rest.members.length === 0) return input;
  return { ...input, ...(readDocument(format, rest, parts) as object) }; // A structure reads as an object.
}

/**
 * Refuses an input that lacks required members or violates constraints of the service's model. One error
 * names every invalid member, as AWS's generic validator phrases it.
 */
export function checkInput(
  operation: Operation,
  input: Record<string, unknown>,
  options: { protocol: Protocol; constraints: Constraints; validationCode: ErrorCode | undefined },
): void {
  if (operation.input.type !== "structure") return;
  const { protocol, constraints, validationCode } = options;
  const missing = requiredOf(operation.input).filter((name) => input[name] === undefined);
  const [first] = missing;
  if (first !== undefined && protocol === "ec2Query")
    throw new ApiError("MissingParameter", `The request must contain the parameter ${first}`);
  if (first !== undefined && protocol === "restXml" && validationCode === undefined)
    throw new ApiError("InvalidRequest", `Missing required parameter: ${first}`);
  const broken = violations(operation.name, input, constraints);
  if (missing.length + broken.length === 0) return;
  const wrong = [...missing.map(nullValue), ...broken];
  const code = validationCode ?? (protocol === "awsQuery" ? "ValidationError" : "ValidationException");
  throw new ApiError(
    code,
    `${wrong.length} validation error${wrong.length === 1 ? "" : "s"} detected: ${wrong.join("; ")}`,
    { status: 400 },
  );
}

const required = new WeakMap<Structure, readonly string[]>();

/** The names of the members that a structure must have. */
function requiredOf(shape: Structure): readonly string[] {
  let names = required.get(shape);
  if (names === undefined) {
    names = shape.members.filter((member) => member.required).map((member) => member.name);
    required.set(shape, names);
  }
  return names;
}

function nullValue(name: string): string {
  return (
    `Value null at '${name.charAt(0).toLowerCase()}${name.slice(1)}' failed to satisfy constraint: ` +
    "Member must not be null"
  );
}

/** The typed content of a large body. */
export interface Document {
  readonly value: unknown;
}

/**
 * Parses the document of a large body, yielding to the event loop between its parts; undefined if the body is
 * not a document.
 */
export async function documentOf(
  operation: Operation,
  protocol: Protocol,
  body: Buffer,
  valuesMax: number,
): Promise<Document | undefined> {
  const shape = operation.input;
  if (shape.type !== "structure") return undefined;
  const { payload, body: members } = bindingsOf(shape);
  if (payload !== undefined && payload.shape.type !== "structure") return undefined;
  const ofRest = payload?.shape ?? members;
  const json = async (of: Shape) => ({
    value: await readJsonInTurns(of, await parseJsonInTurns(body, valuesMax, nextTurn), nextTurn),
  });
  switch (protocol) {
    case "restXml": {
      const root = await parseXmlInTurns(body.toString(), valuesMax, nextTurn);
      return { value: await readXmlInTurns(ofRest, root, nextTurn) };
    }
    case "awsJson1_0":
    case "awsJson1_1":
      return json(shape);
    case "restJson1":
      return json(ofRest);
    default:
      return undefined;
  }
}

/** Whether the operation streams its body. */
export function hasStreamingInput(operation: Operation): boolean {
  const { input } = operation;
  return input.type === "structure" && bindingsOf(input).payload?.shape.type === "streaming";
}

/** The parameters of a form body, or of the query if there is no form. */
export function formParameters(
  exchange: DecodedRequest,
  body: Buffer | Readable,
  parametersMax: number,
): URLSearchParams {
  const text = Buffer.isBuffer(body) && body.length > 0 ? body.toString() : exchange.rawQuery;
  return parseForm(text, parametersMax);
}
