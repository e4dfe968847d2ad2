import { parseJsonObject, readJson, readJsonInTurns } from "@gantry/wire/protocols/json";
import { readXml, parseXml, parseXmlInTurns, readXmlInTurns } from "@gantry/wire/protocols/xml";
import type { Member, Shape } from "@gantry/wire/shape";
import { ClusterNotFoundException, DescribeTasksCommand, ECSClient } from "@aws-sdk/client-ecs";
import { startApi } from "@gantry/testkit";
import { expect, it } from "vitest";

const TEXT: Shape = { type: "string" };
const member = (name: string, shape: Shape, traits = {}): Member => ({
  name,
  required: false,
  own: traits,
  traits,
  shape,
});
const structure = (...members: Member[]): Extract<Shape, { type: "structure" }> => ({
  type: "structure",
  name: "S",
  union: false,
  traits: {},
  members,
});
const list = (shape: Shape): Shape => ({ type: "list", traits: {}, element: member("member", shape) });
const TAG = structure(member("Key", TEXT), member("Value", TEXT));

/** How many turns the work gives to others. */
async function turnsOf(work: (nextTurn: () => Promise<void>) => Promise<unknown>) {
  let turns = 0;
  const value = await work(async () => void (turns += 1));
  return { turns, value };
}

// Before: the elements of a document were read in turns, and made into typed values in one: 28 to 52 ms of CPU for the
// 40,000 parts of an upload, 20 ms for a request of 20,000 names.
it("makes typed values of a large document in many turns", async () => {
  const parts = structure(member("Part", list(TAG), { xmlFlattened: 1 }));
  const xml = `<U>${"<Part><Key>1</Key><Value>e</Value></Part>".repeat(20_000)}</U>`;
  const root = parseXml(xml, 100_000);
  const ofXml = await turnsOf((nextTurn) => readXmlInTurns(parts, root, nextTurn));
  expect(ofXml.turns).toBeGreaterThanOrEqual(39);
  expect(ofXml.value).toEqual(readXml(parts, root));

  const wrapped = structure(member("Tags", list(TAG)), member("Names", list(TEXT)));
  const json = parseJsonObject(
    Buffer.from(
      JSON.stringify({
        Tags: Array.from({ length: 10_000 }, () => ({ Key: "a", Value: "b" })),
        Names: Array(9_000).fill("n"),
      }),
    ),
    100_000,
  );
  const ofJson = await turnsOf((nextTurn) => readJsonInTurns(wrapped, json, nextTurn));
  expect(ofJson.turns).toBeGreaterThanOrEqual(36);
  expect(ofJson.value).toEqual(readJson(wrapped, json));
});

// Before: one text or one tag was read in one turn whatever it held: 32 ms for 1 MiB of entities or of attributes.
it("reads long texts and tags with many attributes in turns, or refuses them", async () => {
  const { turns, value } = await turnsOf((nextTurn) =>
    parseXmlInTurns(`<a>x${"&amp;".repeat(200_000)}</a>`, 100, nextTurn),
  );
  expect(turns).toBeGreaterThanOrEqual(7);
  expect(value).toMatchObject({ text: `x${"&".repeat(200_000)}` });
  expect(() => parseXml(`<a ${'a="b" '.repeat(20_001)}/>`, 20_000)).toThrow("not well-formed");
  const attributes = structure(member("id", TEXT, { xmlAttribute: 1 }), member("Key", TEXT));
  const node = parseXml(`<a id="1"><Key>k</Key></a>`, 10);
  expect(await readXmlInTurns(attributes, node, async () => {})).toEqual({ id: "1", Key: "k" });
});

// Before: every policy was asked about each of 20,000 tasks before the operation said that 100 are the most.
it("evaluates policies for at most as many resources as an operation accepts", async () => {
  const api = await startApi();
  try {
    const ecs = new ECSClient(api.client());
    const describe = (count: number) =>
      ecs.send(new DescribeTasksCommand({ cluster: "c", tasks: Array(count).fill("a") }));
    await expect(describe(2_001)).rejects.toThrow("names more than 2000 resources");
    await expect(describe(1)).rejects.toThrow(ClusterNotFoundException);
  } finally {
    api.close();
  }
});
