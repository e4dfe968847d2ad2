import { bindingOf } from "./protocols/http-bindings.ts";
import type { Operation } from "./service.ts";

/** A segment of a path: a text, a label, or a label that takes the rest of the path. */
interface Segment {
  readonly text: string;
  readonly label: string | undefined;
  readonly isGreedy: boolean;
}

interface Route {
  readonly operation: Operation;
  readonly segments: readonly Segment[];
  /** What the route has at least, whatever the request: see `specificity`. */
  readonly score: number;
  readonly needsBucket: boolean;
  /**
   * Parameters that the query must have, except `x-id`, which names the operation and decides between two
   * matches.
   */
  readonly literals: readonly (readonly [string, string | undefined])[];
  readonly id: string | undefined;
  readonly asksQuery: boolean;
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
}

export interface RoutedRequest {
  readonly method: string;
  /** Path after the bucket, still encoded. */
  readonly path: string;
  readonly bucket: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the operation of a REST request by method, path, and the route with the most matching requirements.
 */
export class RestRouter {
  /** By method, and whether a bucket is named. */
  readonly #routes = new Map<string, Route[]>();

  constructor(operations: Iterable<Operation>) {
    for (const operation of operations) {
      if (operation.http === undefined) continue;
      const route = toRoute(operation);
      const name = `${operation.http.method} ${route.needsBucket}`;
      this.#routes.set(name, [...(this.#routes.get(name) ?? []), route]);
    }
  }

  find(request: RoutedRequest): { operation: Operation; labels: Record<string, string> } | undefined {
    let best: { route: Route; labels: Record<string, string>; score: number } | undefined;
    const isPlain = request.query.size === 0;
    for (const route of this.#routes.get(`${request.method} ${request.bucket !== undefined}`) ?? []) {
      if (isPlain && route.asksQuery) continue;
      const labels = match(route, request);
      if (labels === undefined) continue;
      const score = specificity(route, request);
      if (best === undefined || score > best.score) best = { route, labels, score };
    }
    if (best === undefined) return undefined;
    return {
      operation: best.route.operation,
      labels: request.bucket === undefined ? best.labels : { ...best.labels, Bucket: request.bucket },
    };
  }
}

function toRoute(operation: Operation): Route {
  const [path = "/", query = ""] = (operation.http?.uri ?? "/").split("?");
  const members = operation.input.type === "structure" ? operation.input.members : [];
  const required = members.filter((member) => member.required);
  const pairs = query
    .split("&")
    .filter(Boolean)
    .map((pair) => [pair.split("=")[0] ?? "", pair.split("=")[1]] as const);
  const literals = pairs.filter(([name]) => name !== "x-id");
  const requiredQuery = required
    .filter((member) => bindingOf(member) === "query")
    .map((member) => String(member.traits["httpQuery"]));
  const segments = path
    .split("/")
    .slice(1)
    .filter((segment) => segment !== "")
    .map(toSegment);
  const id = pairs.find(([name]) => name === "x-id")?.[1];
  const requiredHeaders = required
    .filter((member) => bindingOf(member) === "header")
    .map((member) => String(member.traits["httpHeader"]).toLowerCase());
  const asked = literals.length + requiredQuery.length + requiredHeaders.length;
  const texts = segments.filter(({ label }) => label === undefined).length;
  return {
    operation,
    segments,
    score: asked * 100 + texts * 10 + (id === undefined ? 0 : 1),
    // S3's URIs have lost {Bucket}; it remains a label member that no segment names.
    needsBucket: members.some(
      (member) => member.name === "Bucket" && bindingOf(member) === "label" && !path.includes("{Bucket}"),
    ),
    literals,
    id,
    asksQuery: literals.length > 0 || requiredQuery.length > 0,
    requiredQuery,
    requiredHeaders,
  };
}

function toSegment(text: string): Segment {
  const [, label, plus] = /^\{(.+?)(\+?)\}$/.exec(text) ?? [];
  return { text, label, isGreedy: plus === "+" };
}

function match(route: Route, request: RoutedRequest): Record<string, string> | undefined {
  for (const [name, value] of route.literals) {
    if (!request.query.has(name) || (value !== undefined && request.query.get(name) !== value))
      return undefined;
  }
  if (route.requiredQuery.some((name) => !request.query.has(name))) return undefined;
  if (route.requiredHeaders.some((name) => request.headers[name] === undefined)) return undefined;
  return matchPath(route.segments, request.path);
}

function matchPath(segments: readonly Segment[], path: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  let rest = path.startsWith("/") ? path.slice(1) : path;
  for (const [index, { text, label, isGreedy }] of segments.entries()) {
    if (isGreedy && label !== undefined) {
      if (rest === "") return undefined;
      labels[label] = decodeLabel(rest);
      return labels;
    }
    const end = rest.indexOf("/");
    const part = end < 0 ? rest : rest.slice(0, end);
    const last = index === segments.length - 1;
    rest = end < 0 ? "" : rest.slice(end + 1);
    if (label === undefined ? part !== text : part === "") return undefined;
    if (label !== undefined) labels[label] = decodeLabel(part);
    if (!last && rest === "" && end < 0) return undefined;
  }
  return rest === "" ? labels : undefined;
}

function specificity(route: Route, request: RoutedRequest): number {
  const { id, score } = route;
  return id !== undefined && request.query.size > 0 && request.query.get("x-id") === id ? score + 5 : score;
}

function decodeLabel(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
