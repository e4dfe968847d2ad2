import { instanceSize } from "../instance-sizes.ts";
import type { DatabaseParameter } from "./database-parameter.ts";

/** What the variables of a formula stand for. */
export interface DatabaseSize {
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly storageBytes: number;
  readonly port: number;
}

/** The size of a database: `db.t3.micro` has what the instance type `t3.micro` has. */
export function databaseSize(database: {
  readonly instanceClass: string;
  readonly allocatedStorageGiB: number;
  readonly port: number;
}): DatabaseSize {
  const { vcpus, memoryMiB } = instanceSize(database.instanceClass.replace(/^db\./, ""));
  return {
    memoryBytes: memoryMiB * 1024 ** 2,
    vcpus,
    storageBytes: database.allocatedStorageGiB * 1024 ** 3,
    port: database.port,
  };
}

const TEXT_MAX = 1_024;
const SMALLEST: DatabaseSize = { memoryBytes: 2 ** 30, vcpus: 1, storageBytes: 20 * 2 ** 30, port: 3_306 };

/** Whether a parameter takes a value, which may be a formula where it takes numbers. */
export function isAllowed(parameter: DatabaseParameter, value: string): boolean {
  // A line break would begin another option of the server.
  if (value.length > TEXT_MAX || !/^[\x20-\x7e]*$/.test(value)) return false;
  const { dataType, allowed } = parameter;
  const words = (allowed ?? "").toLowerCase().split(",");
  switch (dataType) {
    case "boolean":
      return /^(?:0|1|on|off|true|false)$/i.test(value);
    case "integer":
    case "float":
      return isNumberIn(parameter, value) || evaluate(value, SMALLEST) !== undefined;
    case "list":
      return value === "" || value.split(",").every((each) => words.includes(each.trim().toLowerCase()));
    case "string":
      if (allowed === undefined) return true;
      if (words.includes(value.toLowerCase())) return true;
      return parameter.namesOnly !== true && /^\d{1,2}$/.test(value) && Number(value) < words.length;
  }
}

function isNumberIn({ dataType, allowed = "" }: DatabaseParameter, value: string): boolean {
  const [, least = "", most = ""] = /^(-?[\d.]+)-([\d.]+)$/.exec(allowed) ?? [];
  if (dataType === "float")
    return (
      /^-?\d{1,20}(?:\.\d{1,20})?$/.test(value) &&
      Number(value) >= Number(least) &&
      Number(value) <= Number(most)
    );
  return /^-?\d{1,20}$/.test(value) && BigInt(value) >= BigInt(least) && BigInt(value) <= BigInt(most);
}

/**
 * The value that a server is given: a formula's result, at the parameter's bounds where it lies beyond them.
 * Source: Amazon RDS User Guide, "Specifying DB parameters".
 */
export function resolveParameter(parameter: DatabaseParameter, value: string, size: DatabaseSize): string {
  if (parameter.dataType !== "integer" && parameter.dataType !== "float") return value;
  if (isNumberIn(parameter, value)) return value;
  const [, least = "0", most = "0"] = /^(-?[\d.]+)-([\d.]+)$/.exec(parameter.allowed ?? "") ?? [];
  const result = Math.trunc(evaluate(value, size) ?? 0);
  if (result <= Number(least)) return least;
  return result >= Number(most) ? most : String(result);
}

const FUNCTIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  greatest: (values) => Math.max(...values),
  least: (values) => Math.min(...values),
  sum: (values) => values.reduce((total, each) => total + each, 0),
  log: ([value = 1]) => Math.log2(value),
};

/**
 * The result of a formula, `{DBInstanceClassMemory*3/4}` or `GREATEST({log(DBInstanceClassMemory/805306368)*45},1000)`;
 * undefined where it is none. `log` is of base 2. Operators of one precedence are carried out from the left.
 */
export function evaluate(formula: string, size: DatabaseSize): number | undefined {
  const tokens = formula.match(/[A-Za-z]+|\d+(?:\.\d+)?|\S/g) ?? [];
  if (tokens.length > 100 || !/[{(]/.test(formula)) return undefined;
  const reader = new FormulaReader(tokens, size);
  const result = reader.sum();
  return reader.isAtEnd() && result !== undefined && Number.isFinite(result) ? result : undefined;
}

class FormulaReader {
  readonly #tokens: readonly string[];
  readonly #variables: Readonly<Record<string, number>>;
  #next = 0;

  constructor(tokens: readonly string[], { memoryBytes, vcpus, storageBytes, port }: DatabaseSize) {
    this.#tokens = tokens;
    this.#variables = {
      dbinstanceclassmemory: memoryBytes,
      dbinstancevcpu: vcpus,
      allocatedstorage: storageBytes,
      endpointport: port,
    };
  }

  isAtEnd(): boolean {
    return this.#next === this.#tokens.length;
  }

  sum(): number | undefined {
    let left = this.#product();
    while (this.#is("+") || this.#is("-")) {
      const operator = this.#take();
      const right = this.#product();
      if (left === undefined || right === undefined) return undefined;
      left = operator === "+" ? left + right : left - right;
    }
    return left;
  }

  #product(): number | undefined {
    let left = this.#value();
    while (this.#is("*") || this.#is("/")) {
      const operator = this.#take();
      const right = this.#value();
      if (left === undefined || right === undefined) return undefined;
      left = operator === "*" ? left * right : left / right;
    }
    return left;
  }

  #value(): number | undefined {
    const token = this.#take().toLowerCase();
    if (/^\d/.test(token)) return Number(token);
    if (token === "{" || token === "(") {
      const inner = this.sum();
      return this.#take() === (token === "{" ? "}" : ")") ? inner : undefined;
    }
    if (!Object.hasOwn(FUNCTIONS, token))
      return Object.hasOwn(this.#variables, token) ? this.#variables[token] : undefined;
    const values = this.#arguments();
    return values === undefined ? undefined : FUNCTIONS[token]?.(values);
  }

  #arguments(): readonly number[] | undefined {
    if (this.#take() !== "(") return undefined;
    const values: number[] = [];
    for (;;) {
      const value = this.sum();
      if (value === undefined) return undefined;
      values.push(value);
      const token = this.#take();
      if (token === ")") return values;
      if (token !== ",") return undefined;
    }
  }

  #is(token: string): boolean {
    return this.#tokens[this.#next] === token;
  }

  #take(): string {
    const token = this.#tokens[this.#next] ?? "";
    this.#next += 1;
    return token;
  }
}
