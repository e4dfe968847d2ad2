/** A metric math expression as a tree. */
export type Expression =
  | { readonly type: "number"; readonly value: number }
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "id"; readonly name: string }
  | { readonly type: "list"; readonly items: readonly Expression[] }
  | { readonly type: "call"; readonly name: string; readonly args: readonly Expression[] }
  | { readonly type: "unary"; readonly operand: Expression }
  | {
      readonly type: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    };

/** An expression that cannot be evaluated; the message addresses its author. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

const LENGTH_MAX = 2_048;
const DEPTH_MAX = 60;
const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(&&|\|\||[<>=!]=|[-+*/^<>(),[\]]))/y;
/** Operators, lowest precedence first. Source: CloudWatch User Guide, "Using math expressions". */
const LEVELS: readonly (readonly string[])[] = [
  ["||", "OR"],
  ["&&", "AND"],
  ["==", "!=", "<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/"],
];

interface Token {
  readonly kind: "number" | "word" | "text" | "sign";
  readonly text: string;
}

/** Errors: ExpressionError. */
export function parseExpression(text: string): Expression {
  if (text.length > LENGTH_MAX)
    throw new ExpressionError(`The expression is longer than ${LENGTH_MAX} characters.`);
  const parser = new Parser(tokensOf(text));
  const expression = parser.level(0, 0);
  parser.end();
  return expression;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new ExpressionError(`Unexpected character at position ${at + 1}.`);
    const [, number, word, quoted, sign] = match;
    if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else if (quoted !== undefined)
      tokens.push({ kind: "text", text: quoted.slice(1, -1).replaceAll(/\\(.)/g, "$1") });
    else tokens.push({ kind: "sign", text: sign ?? "" });
  }
  return tokens;
}

/** By recursive descent. */
class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  end(): void {
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new ExpressionError(`Unexpected ${rest.text}.`);
  }

  level(index: number, depth: number): Expression {
    if (depth > DEPTH_MAX) throw new ExpressionError("The expression is nested too deeply.");
    const operators = LEVELS[index];
    if (operators === undefined) return this.#unary(depth + 1);
    let left = this.level(index + 1, depth + 1);
    for (;;) {
      const operator = operators.find((each) => this.#takes(each));
      if (operator === undefined) return left;
      const right = this.level(index + 1, depth + 1);
      left = { type: "binary", operator: { OR: "||", AND: "&&" }[operator] ?? operator, left, right };
    }
  }

  #unary(depth: number): Expression {
    if (depth > DEPTH_MAX) throw new ExpressionError("The expression is nested too deeply.");
    if (this.#takes("-")) return { type: "unary", operand: this.#unary(depth + 1) };
    const base = this.#primary(depth + 1);
    if (!this.#takes("^")) return base;
    return { type: "binary", operator: "^", left: base, right: this.#unary(depth + 1) };
  }

  #primary(depth: number): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new ExpressionError("The expression ends too early.");
    this.#at += 1;
    if (token.kind === "number") return { type: "number", value: Number(token.text) };
    if (token.kind === "text") return { type: "text", value: token.text };
    if (token.kind === "word") {
      if (!this.#takes("(")) return { type: "id", name: token.text };
      return { type: "call", name: token.text.toUpperCase(), args: this.#items(")", depth) };
    }
    if (token.text === "[") return { type: "list", items: this.#items("]", depth) };
    if (token.text !== "(") throw new ExpressionError(`Unexpected ${token.text}.`);
    const inner = this.level(0, depth + 1);
    if (!this.#takes(")")) throw new ExpressionError("A closing parenthesis is missing.");
    return inner;
  }

  #items(close: string, depth: number): readonly Expression[] {
    const items: Expression[] = [];
    if (this.#takes(close)) return items;
    do items.push(this.level(0, depth + 1));
    while (this.#takes(","));
    if (!this.#takes(close)) throw new ExpressionError(`${close} is missing.`);
    return items;
  }

  #takes(text: string): boolean {
    const token = this.#tokens[this.#at];
    const isIt =
      token !== undefined &&
      (token.kind === "sign"
        ? token.text === text
        : token.kind === "word" && token.text === text && /^(?:AND|OR)$/.test(text));
    if (isIt) this.#at += 1;
    return isIt;
  }
}
