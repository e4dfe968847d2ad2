import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";

import type { RelayOrigin } from "./network-path.ts";

/** A request as it was received, before it is parsed. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly requestId: string;
  /** The address that the request comes from. */
  readonly sourceAddress: string;
  readonly endpoint: string;
  /** Where in a VPC the request comes from; undefined for one from elsewhere, and where its VPC has no endpoints. */
  readonly origin?: RelayOrigin | undefined;
  /** Whether policies see the connection as secure transport. */
  readonly isSecure: boolean;
  readonly continueWith: () => void;
}

/** A response before it is sent. A stream body is piped. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | Readable;
}
