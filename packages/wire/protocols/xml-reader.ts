/** An element of a parsed document. */
export interface XmlNode {
  readonly name: string;
  /** Its own text, entities decoded; empty if it has element children and only white space. */
  text: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlNode[];
}

/** A document that is not well-formed, has a document type, or is larger than any request's. */
export class XmlError extends Error {
  override readonly name = "XmlError";
}

const DEPTH_MAX = 100;
/** The most characters that are read in one step, before the event loop serves other requests. */
const CHARACTERS_A_TURN = 64 * 1024;
const ENTITY_MAX_CHARACTERS = 12;
const NAME = /[^\s/>=<"'&]+/y;
const SPACE = /\s*/y;
const ATTRIBUTE = /\s*([^\s/>=<"'&]+)\s*=\s*("[^"<]*"|'[^'<]*')/y;
const ENTITY = /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));|&/g;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/**
 * Parses a document iteratively, in linear time, a slice at a time. A document type is refused, so that no
 * entity can be declared. Source: XML 1.0; what S3 accepts is a subset of it.
 */
export class XmlReader {
  readonly #text: string;
  readonly #nodesMax: number;
  readonly #open: XmlNode[] = [];
  #at = 0;
  #nodes = 0;
  #root: XmlNode | undefined;

  constructor(text: string, nodesMax: number) {
    this.#nodesMax = nodesMax;
    this.#text = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  /**
   * Parses about this many elements and attributes, or 64 KiB of text. Returns the root once the document is
   * complete. Errors: XmlError.
   */
  advance(count: number): XmlNode | undefined {
    const [stopAt, stopAtCharacter] = [this.#nodes + count, this.#at + CHARACTERS_A_TURN];
    while (this.#nodes < stopAt && this.#at < stopAtCharacter) {
      if (this.#at >= this.#text.length) {
        if (this.#root === undefined || this.#open.length > 0) throw new XmlError("The document ends early.");
        return this.#root;
      }
      this.#readNext();
    }
    return undefined;
  }

  #readNext(): void {
    const text = this.#text;
    if (text[this.#at] !== "<") return this.#readText();
    switch (text[this.#at + 1]) {
      case "/":
        return this.#close();
      case "?":
        this.#skipPast("?>");
        return;
      case "!":
        return this.#readDeclaration();
      default:
        return this.#openElement();
    }
  }

  #readText(): void {
    const raw = this.#nextText();
    this.#at += raw.length;
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.text += decodeEntities(raw);
    else if (raw.trim() !== "") throw new XmlError("There is text outside the root element.");
  }

  /** The text up to the next tag, or the first part of it if it is long. Entities are not split. */
  #nextText(): string {
    const end = this.#text.indexOf("<", this.#at);
    const whole = end < 0 ? this.#text.length : end;
    const limit = this.#at + CHARACTERS_A_TURN;
    if (whole <= limit) return this.#text.slice(this.#at, whole);
    const cut = this.#text.lastIndexOf("&", limit);
    return this.#text.slice(this.#at, cut > limit - ENTITY_MAX_CHARACTERS ? cut : limit);
  }

  #readDeclaration(): void {
    if (this.#text.startsWith("<!--", this.#at)) {
      this.#skipPast("-->");
      return;
    }
    const parent = this.#open.at(-1);
    if (parent === undefined || !this.#text.startsWith("<![CDATA[", this.#at))
      throw new XmlError("A document type is not taken.");
    const start = this.#at + "<![CDATA[".length;
    this.#skipPast("]]>");
    parent.text += this.#text.slice(start, this.#at - "]]>".length);
  }

  #skipPast(mark: string): void {
    const end = this.#text.indexOf(mark, this.#at);
    if (end < 0) throw new XmlError("The document ends early.");
    this.#at = end + mark.length;
  }

  #openElement(): void {
    this.#at += 1;
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw new XmlError("An element has no name.");
    const node: XmlNode = { name, text: "", attributes: this.#readAttributes(), children: [] };
    this.#count();
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.children.push(node);
    else if (this.#root === undefined) this.#root = node;
    else throw new XmlError("There is a second root element.");
    this.#match(SPACE);
    if (this.#text.startsWith("/>", this.#at)) {
      this.#at += 2;
      return;
    }
    if (this.#text[this.#at] !== ">") throw new XmlError("A tag does not end.");
    this.#at += 1;
    this.#open.push(node);
    if (this.#open.length > DEPTH_MAX) throw new XmlError("The document is nested too deeply.");
  }

  #readAttributes(): ReadonlyMap<string, string> {
    let attributes: Map<string, string> | undefined;
    for (let match = this.#match(ATTRIBUTE); match !== undefined; match = this.#match(ATTRIBUTE)) {
      this.#count();
      attributes ??= new Map();
      attributes.set(match[1] ?? "", decodeEntities((match[2] ?? "").slice(1, -1)));
    }
    return attributes ?? NO_ATTRIBUTES;
  }

  /** Counts an element or an attribute. */
  #count(): void {
    this.#nodes += 1;
    if (this.#nodes > this.#nodesMax) throw new XmlError("The document has too many elements.");
  }

  #close(): void {
    const node = this.#open.pop();
    const end = this.#text.indexOf(">", this.#at);
    if (node === undefined || end < 0 || this.#text.slice(this.#at + 2, end).trimEnd() !== node.name)
      throw new XmlError("The tags do not match.");
    this.#at = end + 1;
    // White space that formats a document is not text.
    if (node.text.trim() === "" && (node.children.length > 0 || node.text.includes("\n"))) node.text = "";
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }
}

function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(ENTITY, (_, hex?: string, decimal?: string, named?: string) => {
    const known = named === undefined ? undefined : NAMED[named];
    if (known !== undefined) return known;
    const code =
      hex === undefined
        ? decimal === undefined
          ? Number.NaN
          : Number.parseInt(decimal, 10)
        : Number.parseInt(hex, 16);
    if (!(code <= 0x10ffff)) throw new XmlError("There is an entity that nobody declared.");
    return String.fromCodePoint(code);
  });
}
