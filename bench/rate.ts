import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Captured } from "./captured.ts";
import { ensureLoadGenerator, load, medianOf, type Load } from "./load.ts";
import type { Answer, Bench } from "./question.ts";

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = 16;

/**
 * Requests a second of a signed request and the 99th percentile of their milliseconds, against a bare Node
 * server that answers as many bytes and does nothing. `least` is the least ratio of the rates. Errors: where
 * a request fails.
 */
export async function askRate(
  { settings }: Bench,
  { headers, body }: Pick<Captured, "headers" | "body">,
  { name, least }: { readonly name: string; readonly least: number },
): Promise<readonly Answer[]> {
  await ensureLoadGenerator();
  const url = `http://127.0.0.1:${settings.port}/`;
  const answer = await (await fetch(url, { method: "POST", headers, body })).text();
  const connections = CONNECTIONS;
  const target = {
    folder: settings.folder,
    connections,
    seconds: SECONDS,
    method: "POST",
    headers,
    body,
  } as const;
  const floor = createServer((request, response) => {
    request.resume();
    request.on("end", () =>
      response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(answer),
    );
  });
  await new Promise<void>((done) => floor.listen(0, "127.0.0.1", done));
  const { port } = floor.address() as AddressInfo; // A listening TCP server has an address.
  try {
    const [gantry, bare]: [Load[], Load[]] = [[], []];
    // The first round is what both compile in.
    for (let round = 0; round <= ROUNDS; round += 1) {
      gantry.push(await load({ ...target, url }));
      bare.push(await load({ ...target, url: `http://127.0.0.1:${port}/` }));
    }
    const failed = gantry.find((each) => each.failed > 0);
    if (failed !== undefined) throw new Error(`${failed.failed} requests failed: ${failed.failures}.`);
    const measured = (loads: readonly Load[]) => loads.slice(1);
    const against = "a bare Node server";
    return [
      {
        name: `${name}-rate`,
        unit: "requests/s",
        value: medianOf(measured(gantry), "requestsPerSecond"),
        baseline: medianOf(measured(bare), "requestsPerSecond"),
        against,
        goal: { of: "ratio", least },
      },
      {
        name: `${name}-p99`,
        unit: "ms",
        value: medianOf(measured(gantry), "p99Ms"),
        baseline: medianOf(measured(bare), "p99Ms"),
        against,
        goal: undefined,
      },
    ];
  } finally {
    floor.close();
    floor.closeAllConnections();
  }
}
