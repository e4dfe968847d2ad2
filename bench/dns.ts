import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { sleep } from "@gantry/kernel";
import { median, type Bench, type Question } from "./question.ts";

const ROUNDS = 5;
const SECONDS = 2;
/** Queries that wait for their answers at a time. */
const WINDOW = 64;
const NAME = "www.bench.example";
/** Sends every datagram back to its sender. */
const ECHO = `const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (message, { port, address }) => socket.send(message, port, address));
socket.bind(0, "127.0.0.1", () => process.stdout.write(String(socket.address().port)));`;

/**
 * Answers a second of the instance's DNS port for a record of a public hosted zone, against a bare UDP echo in Node
 * that the same client asks.
 */
export const dns: Question = {
  name: "dns",
  async ask(bench) {
    await newZone(bench);
    const { dnsPort } = bench.settings;
    while ((await rateOf(bench, { port: dnsPort, seconds: 0.1 })).answered === 0)
      await sleep(bench.clock, 100);
    const echo = spawn(process.execPath, ["-e", ECHO], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const port = Number(await new Promise<Buffer>((done) => echo.stdout.once("data", done)));
      const [answers, echoes]: [number[], number[]] = [[], []];
      // The first round is what both compile in.
      for (let round = 0; round <= ROUNDS; round += 1) {
        const { received, answered } = await rateOf(bench, { port: dnsPort, seconds: SECONDS });
        if (answered < received) throw new Error(`${received - answered} queries got no address.`);
        answers.push(answered);
        echoes.push((await rateOf(bench, { port, seconds: SECONDS })).received);
      }
      return [
        {
          name: "dns-answers",
          unit: "answers/s",
          value: median(answers.slice(1)),
          baseline: median(echoes.slice(1)),
          against: "a UDP echo in Node",
          goal: { of: "ratio", least: 0.3 },
        },
      ];
    } finally {
      echo.kill();
    }
  },
};

async function newZone({ settings, region, credentials }: Bench): Promise<void> {
  const client = new Route53Client({
    ...{ region, credentials, endpoint: `http://127.0.0.1:${settings.port}` },
  });
  const { HostedZone } = await client.send(
    new CreateHostedZoneCommand({ Name: "bench.example", CallerReference: "bench" }),
  );
  const ResourceRecordSet = {
    ...{ Name: NAME, Type: "A" as const, TTL: 60, ResourceRecords: [{ Value: "192.0.2.1" }] },
  };
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: HostedZone?.Id,
      ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet }] },
    }),
  );
  client.destroy();
}

/** What a port sends back in a second, and how much of it is an answer with one record. */
async function rateOf(
  { clock }: Bench,
  { port, seconds }: { readonly port: number; readonly seconds: number },
): Promise<{ readonly received: number; readonly answered: number }> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.connect(port, "127.0.0.1", done));
  const query = queryFor(NAME);
  let [sent, received, answered] = [0, 0, 0];
  const send = (): void => {
    query.writeUInt16BE(sent & 0xffff);
    sent += 1;
    sendCopy(socket, query);
  };
  socket.on("message", (message) => {
    received += 1;
    if (message.readUInt16BE(6) === 1) answered += 1;
    send();
  });
  socket.on("error", () => {}); // Nobody listens yet.
  const began = performance.now();
  for (let count = 0; count < WINDOW; count += 1) send();
  await sleep(clock, seconds * 1_000);
  const took = (performance.now() - began) / 1_000;
  socket.close();
  return { received: received / took, answered: answered / took };
}

/** A datagram is sent later than it is handed over: the next one must not change it. */
function sendCopy(socket: Socket, message: Buffer): void {
  socket.send(Buffer.from(message));
}

/** A query for the A records of a name. Source: RFC 1035, section 4.1. */
function queryFor(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([
    Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
}
