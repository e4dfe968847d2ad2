/** Most characters of a name without its final dot, and of a label. Source: RFC 1035, section 2.3.4. */
const NAME_MAX = 253;
const LABEL = /^[a-z0-9_/-]{1,63}$/;

/**
 * A name in lower case, without its final dot and with the escapes of Route 53 (`\052`) replaced.
 * Source: Amazon Route 53 Developer Guide, "DNS domain name format".
 */
export function normalName(text: string): string {
  return text
    .replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    .toLowerCase()
    .replace(/\.$/, "");
}

/** Whether a normal name can be a record's: labels of letters, digits, `-`, `_` and `/`; the first may be `*`. */
export function isRecordName(name: string): boolean {
  if (name === "" || name.length > NAME_MAX) return false;
  return name.split(".").every((label, index) => LABEL.test(label) || (index === 0 && label === "*"));
}

/** Whether a normal name is a zone's name, or lies below it. */
export function isInZone(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** The labels of a name in reverse order, each followed by a dot: Route 53 lists names in the order of these keys. */
export function reversedName(name: string): string {
  return `${name.split(".").toReversed().join(".")}.`;
}

/** The name one label up; undefined above the last label. */
export function parentName(name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot < 0 ? undefined : name.slice(dot + 1);
}
