import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import * as eb from "@aws-sdk/client-eventbridge";
import { expect, vi } from "vitest";
import { startEvents } from "./events-world.ts";
import { admitOther } from "./other-account.ts";

/** A request that arrived. */
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const BASIC = {
  AuthorizationType: "BASIC",
  AuthParameters: { BasicAuthParameters: { Username: "u", Password: "hidden-password" } },
} as const;

/** An endpoint that keeps what arrives, and answers 200 after the answers that a test gives it. */
async function startEndpoint() {
  const seen: Seen[] = [];
  const answers: Answer[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { method, url, headers } = request;
      seen.push({ method, url, headers, body });
      const next = answers.shift() ?? { status: 200 };
      response.writeHead(next.status, next.headers).end(next.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  return {
    ...{ seen, port, origin: `http://127.0.0.1:${port}` },
    answer: (given: readonly Answer[]): void => void answers.splice(0, answers.length, ...given),
    clear(): void {
      seen.length = answers.length = 0;
    },
    close(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The API with the controllers of events, and an endpoint for API destinations. */
export async function startDestinations() {
  const world = await startEvents();
  const endpoint = await startEndpoint();
  const { api } = world;
  admitOther(api);
  const client = new eb.EventBridgeClient(api.client());
  const roleArn = await world.role("destinations", ["events:InvokeApiDestination"]);
  const settled = (check: () => void) =>
    vi.waitFor(async () => {
      await world.settle(100);
      check();
    }, 5_000);
  return {
    ...{ world, api, client, ...endpoint, BASIC },
    connect: async (Name: string, given: Partial<eb.CreateConnectionRequest> = {}): Promise<string> =>
      (await client.send(new eb.CreateConnectionCommand({ Name, ...BASIC, ...given }))).ConnectionArn ?? "",
    describeConnection: (Name: string) => client.send(new eb.DescribeConnectionCommand({ Name })),
    destination: async (
      Name: string,
      ConnectionArn: string,
      more: Partial<eb.CreateApiDestinationRequest> = {},
    ): Promise<string> => {
      const fixed = { InvocationEndpoint: `${endpoint.origin}/hook`, HttpMethod: "POST" as const };
      const command = new eb.CreateApiDestinationCommand({ Name, ConnectionArn, ...fixed, ...more });
      return (await client.send(command)).ApiDestinationArn ?? "";
    },
    /** A rule of the default bus, for a source of its name, with the target. */
    target: async (Name: string, Arn: string, more: Partial<eb.Target> = {}): Promise<void> => {
      await client.send(new eb.PutRuleCommand({ Name, EventPattern: JSON.stringify({ source: [Name] }) }));
      const Targets = [{ Id: "t", Arn, RoleArn: roleArn, ...more }];
      await client.send(new eb.PutTargetsCommand({ Rule: Name, Targets }));
    },
    put: (Source: string, Detail = "{}", count = 1) => {
      const Entries = Array.from({ length: count }, () => ({ Source, DetailType: "d", Detail }));
      return client.send(new eb.PutEventsCommand({ Entries }));
    },
    /** Waits until so many requests have arrived. */
    arrived: (count: number) => settled(() => expect(endpoint.seen).toHaveLength(count)),
    /** Waits until no delivery is left. */
    over: () => settled(() => expect(api.store.list("eventDelivery")).toEqual([])),
    async close(): Promise<void> {
      endpoint.close();
      await world.close();
    },
  };
}
