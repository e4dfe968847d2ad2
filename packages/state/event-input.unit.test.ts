import { expect, it } from "vitest";
import { inputOf } from "./event-input.ts";

const value = {
  id: "e1",
  time: "2026-11-27T12:00:00Z",
  detail: { name: 'a"b', count: 3, list: ["x", { y: 1 }] },
};
const event = { value, text: JSON.stringify(value) };
const rule = { arn: "arn:rule", name: "r" };
const given = (parameters: object) =>
  inputOf(
    {
      id: "t",
      arn: "a",
      roleArn: undefined,
      runTask: undefined,
      putEvents: undefined,
      retry: { attempts: 0, ageSeconds: 60 },
      parameters: { ...parameters },
    },
    event,
    rule,
  );

it.each<[string, object, string]>([
  ["the event", {}, event.text],
  ["a constant", { Input: '{"a":1}' }, '{"a":1}'],
  ["a part", { InputPath: "$.detail.list[1].y" }, "1"],
  ["null for a part that is not there", { InputPath: "$.detail.none" }, "null"],
  [
    "a template",
    {
      InputTransformer: {
        InputPathsMap: { n: "$.detail.name", c: "$.detail.count", l: "$.detail.list" },
        InputTemplate:
          '{"name":<n>,"text":"<n> is <c>","count":<c>,"list":<l>,"rule":<aws.events.rule-name>}',
      },
    },
    '{"name":"a\\"b","text":"a\\"b is 3","count":3,"list":["x",{"y":1}],"rule":"r"}',
  ],
  [
    "a template of text",
    { InputTransformer: { InputTemplate: '"<aws.events.rule-arn> <other>"' } },
    '"arn:rule <other>"',
  ],
])("a target is given %s", (_, parameters, text) => expect(given(parameters)).toBe(text));
