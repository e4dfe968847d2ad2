import { describe, expect, it } from "vitest";
import { parametersOf, type DatabaseParameter } from "./catalog.ts";
import { databaseSize, evaluate, isAllowed, resolveParameter } from "./parameter-values.ts";
import { renderParameters } from "./render-parameters.ts";

const size = databaseSize({ instanceClass: "db.t3.micro", allocatedStorageGiB: 20, port: 3_306 });
const parameter = (name: string): DatabaseParameter =>
  parametersOf("mysql8.0").get(name) ?? expect.fail(name);

describe("a formula", () => {
  it.each([
    ["{DBInstanceClassMemory*3/4}", (2 ** 30 * 3) / 4],
    ["{DBInstanceClassMemory/12582880}", 2 ** 30 / 12_582_880],
    ["GREATEST({log(DBInstanceClassMemory/805306368)*45},1000)", 1_000],
    ["LEAST({DBInstanceVCPU*2},(EndPointPort-3000),SUM(1,{AllocatedStorage}))", 4],
  ])("%s is computed", (formula, result) => expect(evaluate(formula, size)).toBeCloseTo(result));

  it.each([
    "{",
    "{DBInstanceClassMemory",
    "{constructor}",
    "{1}2",
    "GREATEST",
    "GREATEST()",
    "{1/0}",
    "{1+}",
    "",
    "12",
  ])("%j is none", (formula) => expect(evaluate(formula, size)).toBeUndefined());

  it("of a long text is none", () => expect(evaluate("{".repeat(10_000), size)).toBeUndefined());

  it("gives a value within the parameter's bounds", () => {
    expect(resolveParameter(parameter("max_connections"), "{DBInstanceClassMemory}", size)).toBe("100000");
    expect(resolveParameter(parameter("max_connections"), "{1}", size)).toBe("10");
    expect(resolveParameter(parameter("max_connections"), "{DBInstanceVCPU*50}", size)).toBe("100");
  });
});

it.each([
  [
    "max_connections",
    ["10", "100000", "{DBInstanceClassMemory/12582880}"],
    ["9", "100001", "many", "1e3", "-1", ""],
  ],
  ["slow_query_log", ["0", "1", "ON", "off"], ["2", "yes", ""]],
  ["long_query_time", ["0", "0.5", "31536000"], ["-1", "1.", "x"]],
  ["binlog_format", ["row", "MIXED", "2"], ["3", "ROWS"]],
  ["sql_mode", ["", "ANSI", "ansi,TRADITIONAL"], ["ANSI,LOUD"]],
  ["character_set_server", ["utf8mb4"], ["utf9"]],
  ["init_connect", ["SET NAMES 'x'"], ["a\n--plugin-load=x", "é", "\0", "a".repeat(1_025)]],
] as const)("%s takes %j and refuses %j", (name, taken, refused) => {
  for (const value of taken) expect([value, isAllowed(parameter(name), value)]).toEqual([value, true]);
  for (const value of refused) expect([value, isAllowed(parameter(name), value)]).toEqual([value, false]);
});

it("renders static parameters as options, and dynamic ones as statements", () => {
  const values = {
    ...{
      back_log: "99",
      innodb_buffer_pool_size: "{DBInstanceClassMemory/8}",
      slow_query_log: null,
      sql_mode: "ANSI",
    },
    ...{
      character_set_server: "latin1",
      collation_server: "utf8mb4_0900_ai_ci",
      transaction_isolation: "SERIALIZABLE",
    },
    ...{ init_connect: String.raw`SET @a = 'b\'; DROP TABLE x`, use_stat_tables: null, time_zone: "UTC" },
    // MySQL's alone, the platform's, of no family, and a zone that the server does not know.
    ...{ log_error_verbosity: "3", datadir: "/tmp", "x; drop": "1" },
  };
  expect(renderParameters("mysql8.0", values, size)).toMatchInlineSnapshot(`
    {
      "options": "--back-log=99
    --character-set-server=latin1
    ",
      "settings": "SET GLOBAL character_set_server = 'latin1';
    SET GLOBAL collation_server = 'utf8mb4_unicode_520_ci';
    SET GLOBAL init_connect = 'SET @a = ''b\\\\''; DROP TABLE x';
    SET GLOBAL innodb_buffer_pool_size = 134217728;
    SET GLOBAL slow_query_log = 0;
    SET GLOBAL sql_mode = 'ANSI';
    SET GLOBAL time_zone = '+00:00';
    SET GLOBAL tx_isolation = 'SERIALIZABLE';
    SET GLOBAL use_stat_tables = DEFAULT;
    ",
    }
  `);
  expect(renderParameters("mysql8.0", { time_zone: "Europe/Rome" }, size)).toEqual({
    options: "",
    settings: "",
  });
  expect(renderParameters("oracle", values, size)).toEqual({ options: "", settings: "" });
});
