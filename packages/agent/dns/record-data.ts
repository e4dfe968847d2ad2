import type { Answer } from "dns-packet";
import type { DnsRecord } from "@gantry/kernel/dns/zones";

/**
 * A record as the DNS library encodes it, from the presentation format of Route 53. Source: RFC 1035, section
 * 5.1; RFC 2782 for SRV; RFC 8659 for CAA.
 */
export function toAnswer({ name, type, ttl, value }: DnsRecord): Answer {
  const parts = value.trim().split(/\s+/);
  const numberAt = (index: number): number => Number(parts[index]);
  switch (type) {
    case "A":
    case "AAAA":
      return { type, name, ttl, data: value };
    case "CNAME":
    case "NS":
    case "PTR":
      return { type, name, ttl, data: nameOf(value) };
    case "MX":
      return { type, name, ttl, data: { preference: numberAt(0), exchange: nameOf(parts[1]) } };
    case "SRV": {
      const [priority, weight, port] = [numberAt(0), numberAt(1), numberAt(2)];
      return { type, name, ttl, data: { priority, weight, port, target: nameOf(parts[3]) } };
    }
    case "SOA": {
      const [serial, refresh, retry, expire, minimum] = [2, 3, 4, 5, 6].map(numberAt);
      const data = {
        mname: nameOf(parts[0]),
        rname: nameOf(parts[1]),
        serial,
        refresh,
        retry,
        expire,
        minimum,
      };
      return { type, name, ttl, data };
    }
    case "CAA": {
      const flags = numberAt(0);
      const data = {
        flags,
        tag: (parts[1] ?? "") as "issue",
        value: value.slice(value.indexOf('"') + 1, -1),
      }; // Any tag is encoded.
      return { type, name, ttl, data };
    }
    case "TXT":
      return { type, name, ttl, data: [...characterStrings(value)] };
    default: {
      // SPF has the form of TXT, and the library encodes the bytes of a type that it does not know.
      const data = Buffer.concat(
        characterStrings(value).map((each) => Buffer.concat([Buffer.from([each.length]), each])),
      );
      return { type, name, ttl, data } as unknown as Answer; // The library's types do not name such types.
    }
  }
}

function nameOf(text = ""): string {
  return text === "." ? "." : text.replace(/\.$/, "");
}

/** The bytes of quoted strings, whose escapes are `\"`, `\\` and octal digits. */
function characterStrings(value: string): readonly Buffer[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) =>
    Buffer.from(
      text.replace(/\\(?:([0-7]{3})|(.))/g, (_, octal: string | undefined, other: string | undefined) =>
        octal === undefined ? (other ?? "") : String.fromCharCode(Number.parseInt(octal, 8)),
      ),
      "latin1",
    ),
  );
}
