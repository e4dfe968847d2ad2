import { describe, expect, it } from "vitest";
import { ClusterQueryError, parseClusterQuery, type QuerySubjects } from "./cluster-query.ts";

const subjects: QuerySubjects = {
  attributes: { "ecs.availability-zone": "us-east-1a", "ecs.os-type": "linux", disk: "ssd", size: "12" },
  agentConnected: true,
  registeredAt: Date.parse("2026-02-13T12:00:00Z"),
  runningTasksCount: 3,
  taskGroups: new Set(["service:production", "family:web"]),
};

describe("a cluster query", () => {
  it.each<[string, boolean]>([
    // The examples of the Developer Guide.
    ["attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true],
    ["attribute:ecs.availability-zone not_in [us-east-1a]", false],
    ["attribute:disk =~ s.* and attribute:ecs.availability-zone != us-east-1d", true],
    ["task:group == service:production", true],
    ["not(task:group == database)", true],
    ["runningTasksCount == 3", true],
    ["agentVersion < 1.14.5", false],
    ["registeredAt < 2026-02-14", true],
    ["registeredAt > 2026-02-13T12:00:00", false],
    ["registeredAt >= 2026-02-13T12:00:00+00:00", true],
    ["ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", false],
    // The other operators, by word and by sign.
    ["attribute:disk equals ssd", true],
    ["attribute:disk not_equals 'ssd'", false],
    ["attribute:disk exists", true],
    ["attribute:gpu exists", false],
    ["attribute:gpu !exists && attribute:disk !in [hdd]", true],
    ["attribute:gpu not_exists", true],
    ["attribute:size greater_than 9", true],
    ["attribute:size > 9", true],
    ["attribute:size less_than_equal 12", true],
    ["attribute:size < 12 || runningTasksCount greater_than_equal 4", false],
    ["attribute:disk matches [hs]sd|nvme", true],
    ["attribute:disk =~ s", false],
    ["attribute:disk !~ hdd", true],
    ['attribute:disk not_matches "(s|h)sd"', false],
    ["agentConnected == true", true],
    // `and` binds closer than `or`; parentheses decide.
    ["attribute:disk == ssd or attribute:disk == hdd and runningTasksCount == 0", true],
    ["(attribute:disk == ssd or attribute:disk == hdd) and runningTasksCount == 0", false],
    ["!(attribute:disk == hdd) && !!(attribute:disk == ssd)", true],
    // A subject without a value equals nothing.
    ["attribute:gpu != a", true],
    ["attribute:gpu < 1", false],
    ["attribute:constructor exists", false],
  ])("%s is %s", (text, expected) => expect(parseClusterQuery(text)(subjects)).toBe(expected));

  it.each([
    ...[
      "",
      "attribute:disk",
      "attribute:disk ==",
      "disk == ssd",
      "attribute:disk == ssd)",
      "(attribute:disk == ssd",
    ],
    ...["attribute:disk in ssd", "attribute:disk in []", "attribute:disk in [a", "attribute:disk == a b"],
    ...[
      "attribute:disk =~ 'a('",
      String.raw`attribute:disk =~ "(a)\1"`,
      "and",
      "attribute:disk === a ==",
      "! ! !",
    ],
    ...[`${"(".repeat(100)}attribute:a == b${")".repeat(100)}`, `${"!".repeat(1_000)}attribute:a exists`],
    `attribute:a == ${"x".repeat(3_000)}`,
  ])("%j is refused", (text) => expect(() => parseClusterQuery(text)).toThrow(ClusterQueryError));

  it("takes no time that grows with the number of ways through a pattern", () => {
    const hostile = parseClusterQuery("attribute:a =~ '(a*)*(a|aa)+$x'");
    const began = performance.now();
    expect(hostile({ ...subjects, attributes: { a: "a".repeat(250) } })).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
