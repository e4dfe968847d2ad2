import { expect, it } from "vitest";
import { parametersOf, type DatabaseParameter } from "./catalog.ts";
import { databaseSize, isAllowed } from "./parameter-values.ts";
import { renderPostgres } from "./render-postgres.ts";

const size = databaseSize({ instanceClass: "db.t3.micro", allocatedStorageGiB: 20, port: 5_432 });
const parameter = (name: string): DatabaseParameter =>
  parametersOf("postgres16").get(name) ?? expect.fail(name);

it.each([
  ["max_connections", ["6", "100", "{DBInstanceClassMemory/9531392}"], ["5", "many", "1e3", ""]],
  ["log_connections", ["0", "1", "ON", "off"], ["2", "yes", ""]],
  ["random_page_cost", ["0", "1.1", "4"], ["-1", "1.", "x"]],
  ["log_statement", ["none", "DDL", "all"], ["1", "some", "none,all", ""]],
  [
    "shared_preload_libraries",
    ["", "auto_explain,pg_stat_statements"],
    ["pg_cron", "../../tmp/x", "$libdir/x"],
  ],
  ["timezone", ["UTC", "Europe/Rome", "america/new_york"], ["Europe/Atlantis", "1", "../../etc/passwd"]],
  ["datestyle", ["ISO, MDY", "german"], ["ISO, XYZ"]],
  ["search_path", ['"$user", public', "it's"], ["a\nb", "é", "\0", "a".repeat(1_025)]],
] as const)("%s takes %j and refuses %j", (name, taken, refused) => {
  for (const value of taken) expect([value, isAllowed(parameter(name), value)]).toEqual([value, true]);
  for (const value of refused) expect([value, isAllowed(parameter(name), value)]).toEqual([value, false]);
});

it("renders parameters as quoted lines of postgresql.conf, and who may connect", () => {
  const values = {
    ...{ work_mem: "{DBInstanceClassMemory/1048576}", log_statement: "ddl", log_duration: null },
    ...{ log_line_prefix: String.raw`it's \n`, shared_preload_libraries: "PG_STAT_STATEMENTS" },
    ...{ "rds.logical_replication": "1", "rds.force_ssl": "off", "rds.adaptive_autovacuum": "0" },
    // The platform's, MySQL's, and of no family.
    ...{ ssl_key_file: "/etc/passwd", back_log: "1", "x = 1\nssl": "off" },
  };
  expect(renderPostgres(values, size)).toMatchInlineSnapshot(`
    {
      "access": "local all rdsadmin peer map=platform
    local all all reject
    host all rdsadmin all reject
    host all all all scram-sha-256
    ",
      "settings": "log_line_prefix = 'it''s \\\\n'
    log_statement = 'ddl'
    wal_level = 'logical'
    shared_preload_libraries = 'pg_stat_statements'
    work_mem = '1024'
    ",
    }
  `);
  expect(renderPostgres({}, size).access).toContain("\nhostssl all all all scram-sha-256\n");
  expect(renderPostgres({ "rds.logical_replication": "0" }, size).settings).toBe("");
});

it("has a row for each parameter of the server that a group can set", () => {
  const all = [...parametersOf("postgres15").values()];
  expect(all.length).toBeGreaterThan(230);
  expect(all.every((each) => /^[a-z][a-z0-9_.]*$/.test(each.name))).toBe(true);
  const bounded = all.filter((each) => /^(?:integer|float)$/.test(each.dataType));
  expect(bounded.filter((each) => !/^-?[\d.]+-[\d.]+$/.test(each.allowed ?? ""))).toEqual([]);
});
