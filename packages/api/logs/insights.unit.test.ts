import * as logs from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateKeyCommand, DisableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { silentLogger, SystemClock } from "@gantry/kernel";
import { startApi } from "@gantry/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { InsightsRunner, queryKey } from "./insights-runner.ts";

const api = await startApi();
afterAll(() => api.close());
const client = new logs.CloudWatchLogsClient({ ...api.client(), maxAttempts: 1 });
const logGroupName = "/insights";
const start = Date.now() - 60_000;
const range = { startTime: Math.floor(start / 1_000) - 1, endTime: Math.floor(Date.now() / 1_000) + 60 };
const TERMINAL = ["Complete", "Failed", "Cancelled", "Timeout"];

async function put(group: string, messages: readonly string[]): Promise<void> {
  await client.send(new logs.CreateLogGroupCommand({ logGroupName: group }));
  await client.send(new logs.CreateLogStreamCommand({ logGroupName: group, logStreamName: "s" }));
  const logEvents = messages.map((message, index) => ({ timestamp: start + index, message }));
  await client.send(new logs.PutLogEventsCommand({ logGroupName: group, logStreamName: "s", logEvents }));
}

async function begin(queryString: string, group = logGroupName): Promise<string> {
  const input = { logGroupName: group, queryString, ...range };
  return (await client.send(new logs.StartQueryCommand(input))).queryId ?? "";
}

async function ended(queryId: string): Promise<logs.GetQueryResultsResponse> {
  for (;;) {
    const result = await client.send(new logs.GetQueryResultsCommand({ queryId }));
    if (TERMINAL.includes(result.status ?? "")) return result;
  }
}

async function rowsOf(queryString: string): Promise<readonly Record<string, string>[]> {
  const { results = [], status } = await ended(await begin(queryString));
  expect(status).toBe("Complete");
  return results.map((row) =>
    Object.fromEntries(row.filter(({ field }) => field !== "@ptr").map(({ field, value }) => [field, value])),
  );
}

beforeAll(() =>
  put(
    logGroupName,
    Array.from({ length: 10 }, (_, index) =>
      JSON.stringify({
        level: index % 2 ? "ERROR" : "INFO",
        request: { ms: index },
        items: [{ b: `x${index}` }],
      }),
    ),
  ),
);

it("filters, computes, sorts and limits", async () => {
  const query =
    "fields request.ms * 2 as double, upper(items.0.b) as name " +
    "| filter level = 'ERROR' and name like /^X[3-9]$/ | sort double desc | limit 2";
  expect(await rowsOf(query)).toEqual([
    { double: "18", name: "X9" },
    { double: "14", name: "X7" },
  ]);
});

it("groups events", async () => {
  const query = "stats count(*) as n, avg(request.ms), pct(request.ms, 50) as p by level | sort level";
  expect(await rowsOf(query)).toEqual([
    { level: "ERROR", n: "5", "avg(request.ms)": "5", p: "5" },
    { level: "INFO", n: "5", "avg(request.ms)": "4", p: "4" },
  ]);
  const [bin] = await rowsOf("stats count() as n, earliest(request.ms) as e by bin(1h)");
  expect(bin).toMatchObject({
    "bin(1h)": expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:00:00\.000$/),
    e: "0",
  });
});

it("takes fields out of messages, and drops duplicates", async () => {
  expect(await rowsOf(`parse @message '"level":"*","request"' as l | dedup l | sort l | display l`)).toEqual([
    { l: "ERROR" },
    { l: "INFO" },
  ]);
  const query =
    "parse @message /x(?<digit>[89])/ | filter ispresent(digit) | stats count_distinct(digit) as n";
  expect(await rowsOf(query)).toEqual([{ n: "2" }]);
});

it("shows real statistics, events by pointers, and the discovered fields of a group", async () => {
  const { results, statistics } = await ended(await begin("filter level = 'INFO'"));
  expect(statistics).toMatchObject({ recordsScanned: 10, recordsMatched: 5, logGroupsScanned: 1 });
  expect(results).toHaveLength(5);
  const pointer = results?.[0]?.find(({ field }) => field === "@ptr")?.value;
  const { logRecord } = await client.send(new logs.GetLogRecordCommand({ logRecordPointer: pointer }));
  expect(logRecord).toMatchObject({ level: "INFO", "request.ms": "8", "@logStream": "s" });
  const { logGroupFields } = await client.send(new logs.GetLogGroupFieldsCommand({ logGroupName }));
  expect(logGroupFields).toContainEqual({ name: "items.0.b", percent: 100 });
});

it("pages results by a token, and lists queries", async () => {
  const queryId = await begin("fields request.ms as ms | sort ms");
  await ended(queryId);
  const first = await client.send(new logs.GetQueryResultsCommand({ queryId, maxItems: 7 }));
  const second = await client.send(
    new logs.GetQueryResultsCommand({ queryId, maxItems: 7, nextToken: first.nextToken }),
  );
  expect([first.results?.length, second.results?.length, second.nextToken]).toEqual([7, 3, undefined]);
  const { queries } = await client.send(
    new logs.DescribeQueriesCommand({ logGroupName, status: "Complete", maxResults: 1 }),
  );
  expect(queries).toMatchObject([{ queryId, logGroupName, status: "Complete" }]);
});

it("queries several groups by their names and ARNs, and has a limit", async () => {
  await put("/insights-2", ["plain"]);
  const logGroupNames = [logGroupName, "/insights-2"];
  const logGroupIdentifiers = logGroupNames.map(
    (name) => `arn:aws:logs:eu-south-1:000000000000:log-group:${name}`,
  );
  const count = async (groups: Partial<logs.StartQueryRequest>) => {
    const input = { queryLanguage: "CWLI", queryString: "fields @message", ...range, ...groups } as const;
    const { queryId = "" } = await client.send(new logs.StartQueryCommand(input));
    return (await ended(queryId)).results?.length;
  };
  expect(await count({ logGroupNames })).toBe(11);
  expect(await count({ logGroupIdentifiers })).toBe(11);
  expect(await count({ logGroupNames, limit: 3 })).toBe(3);
});

it("discovers the fields of events around a time", async () => {
  const names = async (time: number) =>
    (await client.send(new logs.GetLogGroupFieldsCommand({ logGroupName, time }))).logGroupFields?.length;
  expect(await names(Math.floor(start / 1_000))).toBeGreaterThan(0);
  expect(await names(Math.floor(start / 1_000) - 3_600)).toBe(0);
});

it("lists queries by their status and language, page by page", async () => {
  await put("/statuses", ["one"]);
  const ids = [await begin("fields @message", "/statuses"), await begin("fields @message", "/statuses")];
  for (const id of ids) await ended(id);
  const list = (more: logs.DescribeQueriesRequest) =>
    client.send(
      new logs.DescribeQueriesCommand({ logGroupName: "/statuses", queryLanguage: "CWLI", ...more }),
    );
  const first = await list({ maxResults: 1 });
  const second = await list({ maxResults: 1, nextToken: first.nextToken });
  const pages = [first, second].flatMap(({ queries = [] }) => queries.map(({ queryId }) => queryId));
  expect(pages.toSorted()).toEqual(ids.toSorted());
  const key = queryKey({ account: "000000000000", region: "eu-south-1", id: ids[0] ?? "" });
  const record = api.store.get("logQuery", key) ?? expect.fail("It was started.");
  for (const status of ["Scheduled", "Running", "Failed", "Cancelled", "Timeout"] as const) {
    api.store.transact((tx) => tx.put("logQuery", key, { ...record, status }));
    expect((await list({ status })).queries).toMatchObject([{ queryId: ids[0], status }]);
  }
  expect((await list({ status: "Unknown" })).queries).toEqual([]);
  api.store.transact((tx) => tx.put("logQuery", key, record));
});

it("refuses by name what it does not support, and says where a query is malformed", async () => {
  const cases = [
    ["pattern @message", "command pattern"],
    ["fields jsonParse(@message) as j", "function jsonParse"],
    ["stats foo(a)", "aggregation foo"],
    ["filter a ==", "unexpected"],
    ["filter a like /(a/", ""],
    [`filter ${"(".repeat(200)}a`, "nested"],
  ] as const;
  for (const [query, words] of cases)
    await expect(begin(query), query).rejects.toMatchObject({
      name: "MalformedQueryException",
      message: expect.stringContaining(words),
      queryCompileError: { location: { startCharOffset: expect.any(Number) } },
    });
});

it("stops a query, and refuses to stop one that has ended", async () => {
  const queryId = await begin("stats count(*)");
  const stop = () => client.send(new logs.StopQueryCommand({ queryId }));
  // The query of ten events may have ended before it is stopped.
  const { success = false } = await stop().catch(() => ({ success: false }));
  expect((await ended(queryId)).status).toBe(success ? "Cancelled" : "Complete");
  await expect(stop()).rejects.toMatchObject({ name: "InvalidParameterException" });
});

it("fails the queries that a restart interrupted", async () => {
  const queryId = await begin("stats count(*)");
  await ended(queryId);
  const key = queryKey({ account: "000000000000", region: "eu-south-1", id: queryId });
  api.store.transact((tx) => {
    const record = tx.get("logQuery", key);
    if (record !== undefined) tx.put("logQuery", key, { ...record, status: "Running" });
  });
  new InsightsRunner({ ...api, clock: new SystemClock(), log: silentLogger } as never); // What it uses.
  expect((await ended(queryId)).status).toBe("Failed");
});

it("reads the results of an encrypted group only while its key can be used", async () => {
  const kms = new KMSClient(api.client());
  const policy = JSON.stringify({
    Statement: [{ Effect: "Allow", Principal: "*", Action: "kms:*", Resource: "*" }],
  });
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Policy: policy }));
  await put("/encrypted", []).catch(() => undefined);
  const target = { logGroupName: "/encrypted", kmsKeyId: KeyMetadata?.Arn };
  await client.send(new logs.AssociateKmsKeyCommand(target));
  const logEvents = [{ timestamp: start, message: "secret" }];
  await client.send(
    new logs.PutLogEventsCommand({ logGroupName: "/encrypted", logStreamName: "s", logEvents }),
  );
  const queryId = await begin("fields @message", "/encrypted");
  expect((await ended(queryId)).results).toHaveLength(1);
  await kms.send(new DisableKeyCommand({ KeyId: KeyMetadata?.KeyId }));
  await expect(ended(queryId)).rejects.toMatchObject({ name: "AccessDeniedException" });
  expect((await ended(await begin("fields @message", "/encrypted"))).status).toBe("Failed");
});

it("asks for StartQuery on every log group", async () => {
  await put("/other", ["x"]);
  const iam = new IAMClient(api.client());
  await iam.send(new CreateUserCommand({ UserName: "reader" }));
  const Resource = `arn:aws:logs:*:*:log-group:${logGroupName}:*`;
  const statement = { Effect: "Allow", Action: "logs:StartQuery", Resource };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await iam.send(new PutUserPolicyCommand({ UserName: "reader", PolicyName: "p", PolicyDocument }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "reader" }));
  const credentials = {
    accessKeyId: AccessKey?.AccessKeyId ?? "",
    secretAccessKey: AccessKey?.SecretAccessKey ?? "",
  };
  const reader = new logs.CloudWatchLogsClient({ ...api.client(), credentials });
  const query = (groups: object) =>
    reader.send(new logs.StartQueryCommand({ ...groups, ...range, queryString: "fields @message" }));
  await query({ logGroupName });
  for (const groups of [
    { logGroupName: "/other" },
    { logGroupNames: [logGroupName, "/other"] },
    { logGroupIdentifiers: [logGroupName, "arn:aws:logs:eu-south-1:000000000000:log-group:/other"] },
  ])
    await expect(query(groups)).rejects.toMatchObject({ name: "AccessDeniedException" });
});
