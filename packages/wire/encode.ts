import { Readable } from "node:stream";
import type { ApiError } from "./api-error.ts";
import type { WireResponse } from "./exchange.ts";
import { writeCbor } from "./protocols/cbor.ts";
import { bindingOf, writeBindings } from "./protocols/http-bindings.ts";
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
      const body = `<${name}Response xmlns="${escapeXml(service.descriptor.xmlNamespace)}">${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`;
      return { status: 200, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body };
    }
    case "ec2Query": {
      const content =
        operation.output.type === "unit" ? "<return>true</return>" : writeContent(operation.output, output);
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${operation.name}Response xmlns="${escapeXml(service.descriptor.xmlNamespace)}/"><requestId>${requestId}</requestId>${content}</${operation.name}Response>`;
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

function encodeRest(
  operation: Operation,
  output: Record<string, unknown>,
  context: EncodeContext,
): WireResponse {
  const isXml = context.protocol === "restXml";
  const bound = boundOf(operation, output);
  const asked = (output["$metadata"] as { httpStatusCode?: number } | undefined)?.httpStatusCode; // The one field of $metadata a handler may set.
  const status = asked ?? bound.status ?? operation.http?.status ?? 200;
  const headers: Record<string, string> = {
    [isXml ? "x-amz-request-id" : "x-amzn-requestid"]: context.requestId,
    ...bound.headers,
  };
  if (operation.output.type !== "structure") return { status, headers, body: "" };
  const payload = operation.output.members.find((member) => bindingOf(member) === "payload");
  if (payload !== undefined)
    return { status, ...payloadBody(payload, output[payload.name], headers, context) };
  const members = operation.output.members.filter((member) => bindingOf(member) === "body");
  if (members.length === 0) return { status, headers, body: "" };
  const shape = { ...operation.output, members };
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

function encodeErrorBody(error: ApiError, context: EncodeContext & { path: string }): WireResponse {
  const { protocol, service, requestId } = context;
  const known = service.errors.get(error.code);
  const status = error.status ?? known?.status ?? 400;
  const fields =
    known?.shape.type === "structure"
      ? (writeJson(known.shape, error.fields) as Record<string, unknown>)
      : {};
  const messageName =
    known?.shape.type === "structure"
      ? (known.shape.members.find((member) => member.name.toLowerCase() === "message")?.name ?? "message")
      : "message";
  switch (protocol) {
    case "awsJson1_0":
    case "awsJson1_1": {
      const type = protocol === "awsJson1_0" ? "application/x-amz-json-1.0" : "application/x-amz-json-1.1";
      return {
        status,
        headers: { "content-type": type, "x-amzn-requestid": requestId },
        body: JSON.stringify({ __type: known?.name ?? error.code, ...fields, [messageName]: error.message }),
      };
    }
    case "rpcv2Cbor": {
      const body = writeCbor(
        { type: "unit" },
        {},
        { __type: known?.name ?? error.code, ...fields, message: error.message },
      );
      return {
        status,
        headers: {
          "content-type": "application/cbor",
          "smithy-protocol": "rpc-v2-cbor",
          "x-amzn-requestid": requestId,
        },
        body,
      };
    }
    case "awsQuery": {
      const more = Object.entries(fields)
        .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
        .join("");
      const kind = status >= 500 ? "Receiver" : "Sender";
      const body = `<ErrorResponse xmlns="${escapeXml(service.descriptor.xmlNamespace)}"><Error><Type>${kind}</Type><Code>${escapeXml(known?.queryCode ?? error.code)}</Code><Message>${escapeXml(error.message)}</Message>${more}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
      return { status, headers: { "content-type": "text/xml", "x-amzn-requestid": requestId }, body };
    }
    case "ec2Query": {
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`;
      return {
        status,
        headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
        body,
      };
    }
    case "restJson1": {
      const headers = {
        "content-type": "application/json",
        "x-amzn-requestid": requestId,
        "x-amzn-errortype": known?.name ?? error.code,
      };
      return {
        status,
        headers,
        body: JSON.stringify({
          ...fields,
          [messageName]: error.message,
          ...(service.descriptor.namesErrorCode ? { ErrorCode: error.code } : {}),
        }),
      };
    }
    case "restXml": {
      const more = Object.entries({ ...error.fields })
        .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
        .join("");
      const body = `${PROLOG}<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${more}<Resource>${escapeXml(context.path)}</Resource><RequestId>${requestId}</RequestId></Error>`;
      return { status, headers: { "content-type": "application/xml", "x-amz-request-id": requestId }, body };
    }
  }
}
