import { Readable } from "node:stream";
import type { ApiError } from "./api-error.ts";
import type { WireResponse } from "./exchange.ts";
import { writeCbor } from "./protocols/cbor.ts";
import { bindingsOf, writeBindings } from "./protocols/http-bindings.ts";
import { writeJson, writeJsonBody } from "./protocols/json.ts";
import { elementName, escapeXml, writeContent, writeElement } from "./protocols/xml.ts";
import type { LoadedService, Operation, Protocol } from "./service.ts";
import type { Member } from "./shape.ts";
import { bytesOf } from "./values.ts";

/** What an encoder needs besides the value. */
export interface EncodeContext {
  readonly protocol: Protocol;
  readonly service: LoadedService;
  readonly requestId: string;
}

/** The response that carries a handler's output. */
export function encodeOutput(
  operation: Operation,
  output: Record<string, unknown>,
  context: EncodeContext,
): WireResponse {
  const { protocol, service, requestId } = context;
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const events = eventsOf(operation, output);
      if (events !== undefined)
        return {
          status: 200,
          headers: { "content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": requestId },
          body: events,
        };
      const type = protocol === "awsJson1_0" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
      const body = operation.output.type === "unit" ? "" : writeJsonBody(operation.output, output);
      return { status: 200, headers: { "content-type": type, "x-amzn-requestid": requestId }, body };
    }
    case "rpcv2Cbor":
      return {
        status: 200,
        headers: {
          "content-type": "application/cbor",
          "smithy-protocol": "rpc-v2-cbor",
          "x-amzn-requestid": requestId,
        },
        body: writeCbor(operation.output, output),
      };
    case "awsQuery": {
      const name = operation.name;
      const result =
        operation.output.type === "unit"
          ? ""
          : `<${name}Result>${writeContent(operation.output, output)}</${name}Result>`;
      const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
      const namespace = escapeXml(service.descriptor.xmlNamespace);
      const body = `<${name}Response xmlns="${namespace}">${result}${metadata}</${name}Response>`;
      return { status: 200, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body };
    }
    case "ec2Query": {
      const content =
        operation.output.type === "unit" ? "<return>true</return>" : writeContent(operation.output, output);
      const namespace = `${escapeXml(service.descriptor.xmlNamespace)}/`;
      const all = `<requestId>${requestId}</requestId>${content}`;
      const body = `${PROLOG}<${operation.name}Response xmlns="${namespace}">${all}</${operation.name}Response>`;
      return {
        status: 200,
        headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
        body,
      };
    }
    case "restJson1":
    case "restXml":
      return encodeRest(operation, output, context);
  }
}

/** The event stream of an output, as the messages that the handler frames; undefined where it has none. */
function eventsOf({ output: shape }: Operation, output: Record<string, unknown>): Readable | undefined {
  if (shape.type !== "structure" || shape.members.length !== 1) return undefined;
  const value = output[shape.members[0]?.name ?? ""];
  return value instanceof Readable ? value : undefined;
}

function encodeRest(
  operation: Operation,
  output: Record<string, unknown>,
  context: EncodeContext,
): WireResponse {
  const isXml = context.protocol === "restXml";
  const bound = boundOf(operation, output);
  // The one field of $metadata a handler may set.
  const asked = (output["$metadata"] as { httpStatusCode?: number } | undefined)?.httpStatusCode;
  const status = asked ?? bound.status ?? operation.http?.status ?? 200;
  const headers: Record<string, string> = {
    [context.service.descriptor.isObjectStorage ? "x-amz-request-id" : "x-amzn-requestid"]: context.requestId,
    ...bound.headers,
  };
  if (operation.output.type !== "structure") return { status, headers, body: "" };
  const { payload, body: shape } = bindingsOf(operation.output);
  if (payload !== undefined)
    return { status, ...payloadBody(payload, output[payload.name], headers, context) };
  const { members } = shape;
  if (members.length === 0) return { status, headers, body: "" };
  if (!isXml)
    return {
      status,
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(writeJson(shape, output)),
    };
  headers["content-type"] = "application/xml";
  const [only] = members;
  if (only !== undefined && context.service.descriptor.unwrappedOutputs.includes(operation.name)) {
    const namespace = context.service.descriptor.xmlNamespace;
    const body = PROLOG + writeElement(only.name, only.shape, output[only.name] ?? "", namespace);
    return { status, headers, body };
  }
  const name = typeof shape.traits["xmlName"] === "string" ? shape.traits["xmlName"] : shape.name;
  return {
    status,
    headers,
    body:
      PROLOG +
      writeElement(
        name,
        shape,
        output,
        shape.traits["xmlNamespace"] ?? context.service.descriptor.xmlNamespace,
      ),
  };
}

const bindings = new WeakMap<object, ReturnType<typeof writeBindings>>();

/** Headers and status of an output. For a frozen output they are computed once. */
function boundOf(operation: Operation, output: Record<string, unknown>): ReturnType<typeof writeBindings> {
  if (!Object.isFrozen(output)) return writeBindings(operation.output, output);
  let bound = bindings.get(output);
  if (bound === undefined) bindings.set(output, (bound = writeBindings(operation.output, output)));
  return bound;
}

const PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n';

function payloadBody(
  member: Member,
  value: unknown,
  headers: Record<string, string>,
  context: EncodeContext,
): { headers: Record<string, string>; body: WireResponse["body"] } {
  if (value === undefined || value === null) return { headers, body: "" };
  if (member.shape.type === "streaming" || member.shape.type === "blob")
    return { headers, body: value instanceof Readable ? value : bytesOf(value) };
  if (member.shape.type === "string") return { headers, body: String(value) };
  if (context.protocol === "restJson1")
    return {
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(writeJson(member.shape, value)),
    };
  const name =
    typeof member.own["xmlName"] === "string"
      ? elementName(member)
      : member.shape.type === "structure"
        ? String(member.shape.traits["xmlName"] ?? member.shape.name)
        : member.name;
  const namespace = member.own["xmlNamespace"] ?? context.service.descriptor.xmlNamespace;
  return {
    headers: { ...headers, "content-type": "application/xml" },
    body: PROLOG + writeElement(name, member.shape, value, namespace),
  };
}

/** The response for an error, with the code and status of the service's model. */
export function encodeError(error: ApiError, context: EncodeContext & { path: string }): WireResponse {
  const answer = encodeErrorBody(error, context);
  return { ...answer, headers: { ...answer.headers, ...queryError(error, context), ...error.headers } };
}

/**
 * The error's code in the Query protocol, for clients that moved from it to JSON or CBOR and compare codes.
 * Source: Smithy, awsQueryCompatible trait.
 */
function queryError(error: ApiError, { protocol, service }: EncodeContext): Record<string, string> {
  const isOther = protocol === "awsJson1_0" || protocol === "rpcv2Cbor";
  if (!isOther || !service.descriptor.protocols.includes("awsQuery")) return {};
  const known = service.errors.get(error.code);
  const kind = (error.status ?? known?.status ?? 400) >= 500 ? "Receiver" : "Sender";
  return { "x-amzn-query-error": `${known?.queryCode ?? error.code};${kind}` };
}

/** An error with what the service's model says about its code. */
interface ModelledError {
  readonly error: ApiError;
  readonly context: EncodeContext & { path: string };
  readonly known: ReturnType<LoadedService["errors"]["get"]>;
  readonly status: number;
  /** The members of the error's structure besides its message. */
  readonly fields: Record<string, unknown>;
  /** The name of the member that has the message. */
  readonly messageName: string;
}

function encodeErrorBody(error: ApiError, context: EncodeContext & { path: string }): WireResponse {
  const known = context.service.errors.get(error.code);
  const shape = known?.shape.type === "structure" ? known.shape : undefined;
  const modelled: ModelledError = {
    error,
    context,
    known,
    status: error.status ?? known?.status ?? 400,
    // A structure is written as an object.
    fields: shape === undefined ? {} : (writeJson(shape, error.fields) as Record<string, unknown>),
    messageName: shape?.members.find((member) => member.name.toLowerCase() === "message")?.name ?? "message",
  };
  switch (context.protocol) {
    case "awsJson1_0":
      return jsonError(modelled, "application/x-amz-json-1.0");
    case "awsJson1_1":
      return jsonError(modelled, "application/x-amz-json-1.1");
    case "rpcv2Cbor":
      return cborError(modelled);
    case "awsQuery":
      return queryErrorDocument(modelled);
    case "ec2Query":
      return ec2ErrorDocument(modelled);
    case "restJson1":
      return restJsonError(modelled);
    case "restXml":
      return restXmlError(modelled);
  }
}

function jsonError({ error, context, known, status, ...rest }: ModelledError, type: string): WireResponse {
  const { fields, messageName } = rest;
  return {
    status,
    headers: { "content-type": type, "x-amzn-requestid": context.requestId },
    body: JSON.stringify({ __type: known?.name ?? error.code, ...fields, [messageName]: error.message }),
  };
}

function cborError({ error, context, known, status, fields }: ModelledError): WireResponse {
  const content = { __type: known?.name ?? error.code, ...fields, message: error.message };
  return {
    status,
    headers: {
      "content-type": "application/cbor",
      "smithy-protocol": "rpc-v2-cbor",
      "x-amzn-requestid": context.requestId,
    },
    body: writeCbor({ type: "unit" }, {}, content),
  };
}

function queryErrorDocument({ error, context, known, status, fields }: ModelledError): WireResponse {
  const { service, requestId } = context;
  const kind = status >= 500 ? "Receiver" : "Sender";
  const code = escapeXml(known?.queryCode ?? error.code);
  const content = `<Type>${kind}</Type><Code>${code}</Code><Message>${escapeXml(error.message)}</Message>${elementsOf(fields)}`;
  const namespace = escapeXml(service.descriptor.xmlNamespace);
  const body =
    "<ErrorResponse " +
    `xmlns="${namespace}"><Error>${content}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
  return { status, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body };
}

function ec2ErrorDocument({ error, context: { requestId }, status }: ModelledError): WireResponse {
  const content = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`;
  const body = `${PROLOG}<Response><Errors><Error>${content}</Error></Errors><RequestID>${requestId}</RequestID></Response>`;
  return {
    status,
    headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
    body,
  };
}

function restJsonError({ error, context, known, status, ...rest }: ModelledError): WireResponse {
  const { fields, messageName } = rest;
  const code = context.service.descriptor.namesErrorCode ? { ErrorCode: error.code } : {};
  return {
    status,
    headers: {
      "content-type": "application/json",
      "x-amzn-requestid": context.requestId,
      "x-amzn-errortype": known?.name ?? error.code,
    },
    body: JSON.stringify({ ...fields, [messageName]: error.message, ...code }),
  };
}

/** The form of S3, or the one of other services of the protocol, which is that of the Query protocol. */
function restXmlError(modelled: ModelledError): WireResponse {
  const { error, context, status } = modelled;
  const { path, requestId } = context;
  if (!context.service.descriptor.isObjectStorage) return queryErrorDocument(modelled);
  const content = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${elementsOf({ ...error.fields })}`;
  const body = `${PROLOG}<Error>${content}<Resource>${escapeXml(path)}</Resource><RequestId>${requestId}</RequestId></Error>`;
  return { status, headers: { "content-type": "application/xml", "x-amz-request-id": requestId }, body };
}

function elementsOf(fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join("");
}
