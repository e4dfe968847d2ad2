import { expect, it } from "vitest";
import type { MetricId } from "../metric-points.ts";
import { parseSearch } from "./parse-search.ts";

const metric = (namespace: string, name: string, dimensions: Record<string, string>): MetricId => ({
  account: "0",
  region: "r",
  namespace,
  name,
  dimensions,
});
const METRICS = {
  cpuWeb: metric("AWS/ECS", "CPUUtilization", { ClusterName: "main", ServiceName: "web-app" }),
  cpuApi: metric("AWS/ECS", "CPUUtilization", { ClusterName: "main", ServiceName: "api" }),
  memory: metric("AWS/ECS", "MemoryUtilization", { ClusterName: "main", ServiceName: "api" }),
  requests: metric("AWS/ApplicationELB", "RequestCount", { LoadBalancer: "app/web/1" }),
};
const found = (text: string) => {
  const { matches } = parseSearch(text);
  return Object.entries(METRICS).flatMap(([name, each]) => (matches(each) ? [name] : []));
};

it.each([
  ['MetricName="CPUUtilization"', ["cpuWeb", "cpuApi"]],
  ["cpu", ["cpuWeb", "cpuApi"]],
  ["utilization api", ["cpuApi", "memory"]],
  ["utilization AND NOT memory", ["cpuWeb", "cpuApi"]],
  ["(memory OR request) NOT cpu", ["memory", "requests"]],
  ['ServiceName="api"', ["cpuApi", "memory"]],
  ["ServiceName=web", ["cpuWeb"]],
  ['ServiceName=("api" OR "web-app") cpu', ["cpuWeb", "cpuApi"]],
  ['"web"', []],
  ["web", ["cpuWeb", "requests"]],
  ['Namespace="AWS/ApplicationELB"', ["requests"]],
  ["", ["cpuWeb", "cpuApi", "memory", "requests"]],
])("%s", (text, expected) => expect(found(text)).toEqual(expected));

it("reads the namespace and the dimensions in braces", () => {
  expect(parseSearch('{AWS/ECS,ClusterName, "Service Name"} cpu')).toMatchObject({
    namespace: "AWS/ECS",
    dimensions: ["ClusterName", "Service Name"],
  });
  expect(parseSearch("cpu")).toMatchObject({ namespace: undefined, dimensions: undefined });
});

it.each(["(cpu", "cpu)", "NOT", 'a="b', "cpu OR"])("refuses %s", (text) => {
  expect(() => parseSearch(text)).toThrow(/search/);
});
