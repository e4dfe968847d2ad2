import { NormalizedSchema } from "@smithy/core/schema";

export type TimestampFormat = "date-time" | "http-date" | "epoch-seconds";

/** The traits of a member or its target, as the SDK's schemas carry them. */
export type Traits = Readonly<Record<string, unknown>>;

/** One member of a structure, or the element of a list or map. */
export interface Member {
  readonly name: string;
  readonly required: boolean;
  /** Traits of the member itself: only these determine element names. */
  readonly own: Traits;
  /** Own traits over those of the target shape. */
  readonly traits: Traits;
  readonly shape: Shape;
  /** Parses the text of a header or query parameter in place of the shape's own parser. */
  readonly read?: (text: string) => unknown;
}

/** The wire format of a value: built once per schema, traversed on each request. */
export type Shape =
  | {
      readonly type: "structure";
      readonly name: string;
      readonly union: boolean;
      readonly traits: Traits;
      readonly members: readonly Member[];
    }
  | { readonly type: "list"; readonly traits: Traits; readonly element: Member }
  | { readonly type: "map"; readonly traits: Traits; readonly key: Member; readonly value: Member }
  | { readonly type: "timestamp"; readonly format: TimestampFormat | undefined }
  | {
      readonly type:
        | "string"
        | "number"
        | "boolean"
        | "blob"
        | "streaming"
        | "document"
        | "bigInteger"
        | "bigDecimal"
        | "unit";
    };

const cache = new WeakMap<object, Shape>();
const UNIT: Shape = { type: "unit" };

/** The shape of an SDK schema. This file alone knows the SDK's schema format. Source: @smithy/core/schema. */
export function shapeOf(schema: unknown): Shape {
  return build(NormalizedSchema.of(schema as never)); // The SDK's tuples are typed for clients only.
}

function build(schema: NormalizedSchema): Shape {
  if (schema.isUnitSchema()) return UNIT;
  const raw = schema.getSchema();
  // Numbers are simple types, or lists (64) and maps (128) of them.
  if (typeof raw !== "object" || raw === null) return compound(schema);
  const known = cache.get(raw);
  if (known !== undefined) return known;
  const shape = compound(schema);
  cache.set(raw, shape);
  return shape;
}

function compound(schema: NormalizedSchema): Shape {
  if (schema.isStructSchema()) {
    const requiredCount = requiredCountOf(schema.getSchema());
    const traits = schema.getOwnTraits() as Traits;
    let members: readonly Member[] | undefined;
    return {
      type: "structure",
      name: schema.getName() ?? "",
      union: schema.isUnionSchema(),
      traits,
      // Evaluated lazily, because structures can refer to themselves.
      get members() {
        members ??= [...schema.structIterator()].map(([name, member], index) =>
          memberOf(name, member, index < requiredCount),
        );
        return members;
      },
    };
  }
  if (schema.isListSchema()) {
    const traits = schema.getOwnTraits() as Traits;
    return { type: "list", traits, element: memberOf("member", schema.getValueSchema(), false) };
  }
  if (schema.isMapSchema()) {
    const traits = schema.getOwnTraits() as Traits;
    return {
      type: "map",
      traits,
      key: memberOf("key", schema.getKeySchema(), false),
      value: memberOf("value", schema.getValueSchema(), false),
    };
  }
  return simple(schema);
}

function memberOf(name: string, schema: NormalizedSchema, required: boolean): Member {
  let shape: Shape | undefined;
  return {
    name,
    required,
    own: schema.getMemberTraits(),
    traits: schema.getMergedTraits(),
    get shape() {
      shape ??= build(schema);
      return shape;
    },
  };
}

function simple(schema: NormalizedSchema): Shape {
  if (schema.isTimestampSchema()) return { type: "timestamp", format: timestampFormat(schema.getSchema()) };
  if (schema.isStreaming()) return { type: "streaming" };
  if (schema.isBlobSchema()) return { type: "blob" };
  if (schema.isBooleanSchema()) return { type: "boolean" };
  if (schema.isNumericSchema()) return { type: "number" };
  if (schema.isBigIntegerSchema()) return { type: "bigInteger" };
  if (schema.isBigDecimalSchema()) return { type: "bigDecimal" };
  if (schema.isDocumentSchema()) return { type: "document" };
  return { type: "string" };
}

/** Static structure tuples carry the number of required members, which come first, at index 6. */
function requiredCountOf(raw: unknown): number {
  return Array.isArray(raw) && typeof raw[6] === "number" ? raw[6] : 0;
}

function timestampFormat(raw: unknown): TimestampFormat | undefined {
  switch (raw) {
    case 5:
      return "date-time";
    case 6:
      return "http-date";
    case 7:
      return "epoch-seconds";
    default:
      return undefined;
  }
}
