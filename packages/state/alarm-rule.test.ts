import { describe, expect, it } from "vitest";
import { alarmsOfRule, parseAlarmRule } from "./alarm-rule.ts";

describe("the rule of a composite alarm", () => {
  it("has states, constants, and operators of which AND binds closer", () => {
    expect(parseAlarmRule('ALARM("a b") AND NOT OK(c) OR (TRUE)')).toEqual({
      type: "or",
      operands: [
        {
          type: "and",
          operands: [
            { type: "state", state: "ALARM", alarm: "a b" },
            { type: "not", operand: { type: "state", state: "OK", alarm: "c" } },
          ],
        },
        { type: "constant", value: true },
      ],
    });
    expect(alarmsOfRule(parseAlarmRule("INSUFFICIENT_DATA(x) OR ALARM(y)"))).toEqual(["x", "y"]);
  });

  it.each([
    ["", "ends too early"],
    ["ALARM(a) ALARM(b)", "has an unexpected ALARM."],
    ["ALARM(a", "lacks a )"],
    ["BROKEN(a)", "has an unexpected BROKEN."],
    ["NOT", "ends too early"],
    ['ALARM("a)', "cannot be read at position 7"],
    ["NOT ".repeat(100) + "TRUE", "nested too deeply"],
    [Array(101).fill("ALARM(a)").join(" OR "), "more than 100 alarms"],
  ])("is refused: %s", (rule, message) => expect(() => parseAlarmRule(rule)).toThrow(message));
});
