import { expect, it } from "vitest";
import { countAccepted } from "./accepted-connections.ts";

it("counts what clients have open, and not what the server opens itself", () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   100        0 1 1 0 100 0 0 10 0
   1: 0500000A:0CEA 0600000A:C350 01 00000000:00000000 00:00000000 00000000   100        0 2 1 0 100 0 0 10 0
   2: 0500000A:0CEA 0700000A:C351 01 00000000:00000000 00:00000000 00000000   100        0 3 1 0 100 0 0 10 0
   3: 0500000A:0CEA 0700000A:C352 06 00000000:00000000 00:00000000 00000000   100        0 4 1 0 100 0 0 10 0
   4: 0500000A:D431 0800000A:01BB 01 00000000:00000000 00:00000000 00000000   100        0 5 1 0 100 0 0 10 0`;
  expect(countAccepted(text)).toBe(2);
  expect(countAccepted("")).toBe(0);
});
