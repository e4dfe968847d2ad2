import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { VirtualClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const clock = new VirtualClock(Date.now());
const api = await startApi({ clock });
// The SDK puts `stream-` before the host, which the address of this process has not.
const client = new sdk.CloudWatchLogsClient({ ...api.client(), disableHostPrefix: true });
afterAll(() => {
  client.destroy();
  api.close();
});
const arnOf = (name: string) => `arn:aws:logs:eu-south-1:000000000000:log-group:${name}`;
const HOURS_MS = 60 * 60_000;

beforeAll(async () => {
  for (const logGroupName of ["web", "jobs"]) {
    await client.send(new sdk.CreateLogGroupCommand({ logGroupName }));
    for (const logStreamName of ["blue/1", "green/1"])
      await client.send(new sdk.CreateLogStreamCommand({ logGroupName, logStreamName }));
  }
});

async function put(logGroupName: string, logStreamName: string, ...messages: readonly string[]) {
  const logEvents = messages.map((message) => ({ timestamp: clock.now(), message }));
  await client.send(new sdk.PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
}

/** A session, and a function that reads its next event while time passes. */
async function tail(input: Partial<sdk.StartLiveTailRequest> = {}) {
  const abort = new AbortController();
  const { responseStream } = await client.send(
    new sdk.StartLiveTailCommand({ logGroupIdentifiers: [arnOf("web")], ...input }),
    { abortSignal: abort.signal },
  );
  const events = (responseStream ?? expect.fail("There is no stream."))[Symbol.asyncIterator]();
  const next = async () => {
    const waiting = events.next();
    const { value } = await Promise.race([waiting, clock.advance(1_000).then(() => waiting)]);
    return value as sdk.StartLiveTailResponseStream; // The stream goes on.
  };
  const { sessionStart } = await next();
  const messages = async () =>
    (await next()).sessionUpdate?.sessionResults?.map((event) => `${event.logStreamName} ${event.message}`);
  return { sessionStart, next, messages, close: () => abort.abort() };
}

describe("a live tail session", () => {
  it("begins with what was asked for, and has the events that are written afterwards, each second", async () => {
    await put("web", "blue/1", "before");
    const { sessionStart, next, close } = await tail();
    expect(sessionStart).toMatchObject({ logGroupIdentifiers: [arnOf("web")] });
    expect(sessionStart?.sessionId).toMatch(/^[0-9a-f-]{36}$/);
    await put("web", "blue/1", "a", "b");
    await put("jobs", "blue/1", "elsewhere");
    expect((await next()).sessionUpdate).toEqual({
      sessionMetadata: { sampled: false },
      sessionResults: ["a", "b"].map((message) => ({
        ...{ logStreamName: "blue/1", logGroupIdentifier: "000000000000:web", message },
        ...{ timestamp: expect.any(Number), ingestionTime: expect.any(Number) },
      })),
    });
    expect((await next()).sessionUpdate?.sessionResults).toEqual([]);
    close();
  });

  it("has events of several groups, of the streams and with the pattern that it names", async () => {
    const both = await tail({ logGroupIdentifiers: [arnOf("web"), arnOf("jobs")] });
    const named = await tail({ logStreamNames: ["green/1"] });
    const prefixed = await tail({ logStreamNamePrefixes: ["blue/"], logEventFilterPattern: "ERROR" });
    expect(prefixed.sessionStart).toMatchObject({
      ...{ logStreamNamePrefixes: ["blue/"], logEventFilterPattern: "ERROR" },
    });
    expect(named.sessionStart?.logStreamNames).toEqual(["green/1"]);
    await put("web", "blue/1", "ERROR 1", "fine");
    await put("web", "green/1", "ERROR 2");
    await put("jobs", "blue/1", "ERROR 3");
    expect(await both.messages()).toEqual([
      "blue/1 ERROR 1",
      "blue/1 fine",
      "green/1 ERROR 2",
      "blue/1 ERROR 3",
    ]);
    expect(await named.messages()).toEqual(["green/1 ERROR 2"]);
    expect(await prefixed.messages()).toEqual(["blue/1 ERROR 1"]);
    for (const session of [both, named, prefixed]) session.close();
  });

  it("has at most 500 events a second, and says that there were more", async () => {
    const { next, close } = await tail();
    await put("web", "blue/1", ...Array.from({ length: 700 }, (_, index) => `line ${index}`));
    const { sessionUpdate } = await next();
    expect(sessionUpdate?.sessionResults).toHaveLength(500);
    expect(sessionUpdate?.sessionMetadata).toEqual({ sampled: true });
    await put("web", "blue/1", "later");
    expect((await next()).sessionUpdate?.sessionResults?.map((event) => event.message)).toEqual(["later"]);
    close();
  });

  it("ends after three hours with the exception of the model", async () => {
    const { next } = await tail();
    clock.jump(3 * HOURS_MS);
    await expect(next()).rejects.toMatchObject({ name: "SessionTimeoutException" });
    clock.jump(-3 * HOURS_MS); // Requests are signed with the machine's time.
  });
});

describe("StartLiveTail", () => {
  it("needs ARNs of log groups that exist, and streams of one group named one way", async () => {
    const start = (input: Partial<sdk.StartLiveTailRequest>) =>
      client.send(new sdk.StartLiveTailCommand({ logGroupIdentifiers: [arnOf("web")], ...input }));
    const cases: [Partial<sdk.StartLiveTailRequest>, string][] = [
      [{ logGroupIdentifiers: ["web"] }, "InvalidParameterException"],
      [{ logGroupIdentifiers: [`${arnOf("web")}:*`] }, "InvalidParameterException"],
      [{ logGroupIdentifiers: [] }, "InvalidParameterException"],
      [{ logGroupIdentifiers: Array.from({ length: 11 }, () => arnOf("web")) }, "InvalidParameterException"],
      [{ logGroupIdentifiers: [arnOf("none")] }, "ResourceNotFoundException"],
      [{ logStreamNames: ["a"], logStreamNamePrefixes: ["a"] }, "InvalidParameterException"],
      [
        { logStreamNames: ["a"], logGroupIdentifiers: [arnOf("web"), arnOf("jobs")] },
        "InvalidParameterException",
      ],
      [{ logEventFilterPattern: "{ $.a = " }, "InvalidParameterException"],
    ];
    for (const [input, error] of cases)
      await expect(start(input), JSON.stringify(input)).rejects.toMatchObject({ name: error });
  });
});
