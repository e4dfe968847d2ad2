import { isIPv4, isIPv6 } from "node:net";
import { isRecordName, normalName } from "@gantry/kernel/dns/dns-name";

const CHARACTER_STRING_MAX = 255;
const VALUE_MAX = 4_000;
const CHARACTER_STRINGS = /^\s*(?:"(?:[^"\\]|\\.)*"\s*)+$/;

/**
 * The problem of a value, as Route 53 phrases it; undefined where the value is one of the type.
 * Source: Amazon Route 53 Developer Guide, "Supported DNS record types".
 */
export function valueProblem(type: string, value: string): string | undefined {
  if (value.length > VALUE_MAX) return "InvalidLength (Value is too long)";
  const parts = value.trim().split(/\s+/);
  switch (type) {
    case "A":
      return isIPv4(value) ? undefined : "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)";
    case "AAAA":
      return isIPv6(value) ? undefined : "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)";
    case "CNAME":
    case "NS":
    case "PTR":
      return isTarget(value) ? undefined : "DomainNameIllegal (Value is not a valid domain name)";
    case "TXT":
    case "SPF":
      return textProblem(value);
    case "MX":
      return isFields(parts, 1) ? undefined : "MXRRDATANotTwoFields (Record doesn't have 2 fields)";
    case "SRV":
      return isFields(parts, 3) ? undefined : "SRVRRDATANotFourFields (Record doesn't have 4 fields)";
    case "CAA":
      return /^\d{1,3} [a-z0-9]+ "[^"]*"$/i.test(value) && Number(parts[0]) < 256
        ? undefined
        : 'CAARRDATAIllegal (Value is not of the form: 0 issue "ca.example.com")';
    case "SOA":
      return parts.length === 7 && isTarget(parts[0]) && isTarget(parts[1]) && parts.slice(2).every(isUint32)
        ? undefined
        : "SOARRDATANotSevenFields (Record doesn't have 7 fields)";
    default:
      return `The record type ${type} is not supported`;
  }
}

/** Numbers of 16 bits, and a name behind them. */
function isFields(parts: readonly string[], numbers: number): boolean {
  const areNumbers = parts.slice(0, numbers).every((part) => /^\d{1,5}$/.test(part) && Number(part) < 65_536);
  return parts.length === numbers + 1 && areNumbers && (parts[numbers] === "." || isTarget(parts[numbers]));
}

function isTarget(text: string | undefined): boolean {
  return text !== undefined && isRecordName(normalName(text));
}

function isUint32(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32;
}

function textProblem(value: string): string | undefined {
  if (!CHARACTER_STRINGS.test(value))
    return "InvalidCharacterString (Value should be enclosed in quotation marks)";
  return characterStrings(value).some((each) => each.length > CHARACTER_STRING_MAX)
    ? "CharacterStringTooLong (Value is too long)"
    : undefined;
}

function characterStrings(value: string): readonly string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) =>
    text.replace(/\\(?:[0-7]{3}|.)/g, "x"),
  );
}
