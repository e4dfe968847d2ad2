import { expand, type ExpansionBudget } from "./expand.ts";

/** A part of user data: what it is for, and its text. */
export type UserDataPart =
  | { readonly type: "cloudConfig" | "script" | "bootHook"; readonly name: string; readonly text: string }
  /** A part that is not run, and why. */
  | { readonly type: "refused"; readonly reason: string };

/** Bounds what a few bytes of a request expand to: gzip makes a thousand bytes of one. */
const EXPANDED_BYTES_MAX = 256 * 1024;
const PARTS_MAX = 64;
const DEPTH_MAX = 3;
/** Source: cloud-init's documentation, "User data formats": where the type is not given, the first line says it. */
const FIRST_LINES: readonly (readonly [string, string])[] = [
  ["#!", "text/x-shellscript"],
  ["#cloud-config-archive", "text/cloud-config-archive"],
  ["#cloud-config", "text/cloud-config"],
  ["#cloud-boothook", "text/cloud-boothook"],
  ["#include", "text/x-include-url"],
  ["#part-handler", "text/part-handler"],
  ["#upstart-job", "text/upstart-job"],
  ["## template: jinja", "text/jinja2"],
];
const REFUSALS: Readonly<Record<string, string>> = {
  "text/x-include-url": "#include is refused: an instance does not run what an address answers at its start",
  "text/x-include-once-url":
    "#include-once is refused: an instance does not run what an address answers at its start",
  "text/part-handler": "#part-handler is refused: there is no Python",
  "text/upstart-job": "#upstart-job is refused: there is no upstart",
  "text/jinja2": "the template is refused: there is no Jinja",
  "text/cloud-config-archive": "#cloud-config-archive is refused: write a MIME multipart message",
};
const UNKNOWN = "The user data is of no known format: it is not run";

/** What one user data may still expand to, and the parts that it may still have. */
interface Budget extends ExpansionBudget {
  parts: number;
}

/**
 * Takes user data apart: scripts, cloud-config, boot hooks, and MIME messages of these, each also compressed with gzip
 * or encoded in base64 once more. It never throws: what cannot be read is a refused part.
 */
export function userDataParts(data: Buffer): readonly UserDataPart[] {
  return partsOf(data, { name: "part-001", depth: 0 }, { bytes: EXPANDED_BYTES_MAX, parts: PARTS_MAX });
}

interface Origin {
  readonly name: string;
  readonly depth: number;
  /** The type that a MIME message gives; undefined: the first line says it. */
  readonly type?: string;
}

function partsOf(data: Buffer, origin: Origin, budget: Budget): readonly UserDataPart[] {
  if (origin.depth > DEPTH_MAX) return [{ type: "refused", reason: `${origin.name} is nested too deeply` }];
  budget.parts -= 1;
  if (budget.parts < 0)
    return budget.parts === -1 ? [{ type: "refused", reason: `Only ${PARTS_MAX} parts are read` }] : [];
  if (data[0] === 0x1f && data[1] === 0x8b) {
    const expanded = expand(data, budget);
    if (expanded === undefined)
      return [
        { type: "refused", reason: `${origin.name} is no gzip data of at most ${EXPANDED_BYTES_MAX} bytes` },
      ];
    return partsOf(expanded, { name: origin.name, depth: origin.depth + 1 }, budget);
  }
  const text = data.toString("utf8").replaceAll("\0", "");
  if (/^mime-version:/im.test(text.slice(0, 4096)) || origin.type?.startsWith("multipart/") === true)
    return messageParts(text, origin, budget);
  return [simplePart(text, origin)];
}

function simplePart(text: string, { name, type: given }: Origin): UserDataPart {
  // Types that say nothing are judged by the first line, as cloud-init does.
  const isGiven =
    given !== undefined && (Object.hasOwn(REFUSALS, given) || /^text\/(?:x-shellscript|cloud-)/.test(given));
  const type = isGiven ? given : FIRST_LINES.find(([start]) => text.startsWith(start))?.[1];
  if (type === undefined) {
    const decoded = Buffer.from(text, "base64").toString("utf8");
    // Without the white space, no two parts of the pattern match the same character: its time stays linear.
    const isEncoded =
      /^[A-Za-z0-9+/]+=*$/.test(text.replaceAll(/\s+/g, "")) &&
      FIRST_LINES.some(([start]) => decoded.startsWith(start));
    return isEncoded ? simplePart(decoded, { name, depth: 0 }) : { type: "refused", reason: UNKNOWN };
  }
  switch (type) {
    case "text/x-shellscript":
      if (text.startsWith("#!")) return { type: "script", name, text };
      return { type: "refused", reason: `${name} is no script: its first line does not start with #!` };
    case "text/cloud-config":
      return { type: "cloudConfig", name, text };
    case "text/cloud-boothook":
      return { type: "bootHook", name, text: text.replace(/^#cloud-boothook[^\n]*\n/, "") };
    default:
      return {
        type: "refused",
        reason: REFUSALS[type] ?? `${name} is of the type ${JSON.stringify(type)}: it is not run`,
      };
  }
}

/** Source: RFC 2045 and RFC 2046, section 5.1. */
function messageParts(text: string, origin: Origin, budget: Budget): readonly UserDataPart[] {
  if (origin.depth > DEPTH_MAX) return [{ type: "refused", reason: `${origin.name} is nested too deeply` }];
  const { headers, body } = splitMessage(text);
  const contentType = headers.get("content-type") ?? "text/plain";
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  const depth = origin.depth + 1;
  if (!type.startsWith("multipart/")) {
    const file = parameterOf(headers.get("content-disposition") ?? "", "filename");
    const name = file === undefined ? origin.name : fileName(file);
    return partsOf(
      decodedBody(body, headers.get("content-transfer-encoding")),
      { name, depth, type },
      budget,
    );
  }
  const boundary = parameterOf(contentType, "boundary");
  if (boundary === undefined)
    return [{ type: "refused", reason: `The MIME message ${origin.name} has no boundary` }];
  const [, ...pieces] = `\n${body}`.split(`\n--${boundary}`);
  const end = pieces.findIndex((piece) => piece.startsWith("--"));
  return pieces.slice(0, end === -1 ? undefined : end).flatMap((piece, index) => {
    const name = `part-${String(index + 1).padStart(3, "0")}`;
    // The rest of the boundary's line, and the end of the last line, are no part of it.
    const part = piece.slice(piece.indexOf("\n") + 1).replace(/\r$/, "");
    return messageParts(part, { name, depth }, budget);
  });
}

function splitMessage(text: string): {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
} {
  const blank = /^\r?\n|\r?\n\r?\n/.exec(text);
  const end = blank?.index ?? text.length;
  const lines = text
    .slice(0, end)
    .replaceAll(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/);
  const headers = new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon === -1 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
    }),
  );
  return { headers, body: text.slice(end + (blank?.[0].length ?? 0)) };
}

function parameterOf(header: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, "i").exec(header);
  const value = found?.[1] ?? found?.[2];
  return value === "" ? undefined : value;
}

function decodedBody(body: string, encoding: string | undefined): Buffer {
  switch (encoding?.toLowerCase()) {
    case "base64":
      return Buffer.from(body, "base64");
    case "quoted-printable": {
      const joined = Buffer.from(body.replaceAll(/=\r?\n/g, "")).toString("latin1");
      const bytes = joined.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      return Buffer.from(bytes, "latin1");
    }
    default:
      return Buffer.from(body);
  }
}

/** The name of a part's file: it has no folder and no character that a shell or a console acts on. */
function fileName(given: string): string {
  const name = given
    .replaceAll(/[^\w.-]/g, "_")
    .replace(/^\.+/, "_")
    .slice(0, 100);
  return name === "" ? "part" : name;
}
