import type { AwsVpcConfiguration, CapacityProviderStrategyItem } from "@aws-sdk/client-ecs";
import { formatArn } from "@gantry/kernel";
import { CODE_DEPLOY_EVENTS, type CodeDeployAppSpec, type CodeDeployEventName } from "@gantry/state";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair } from "yaml";
import type { Place } from "../common/api-deps.ts";
import { ApiError } from "./api-error.ts";

/** An AppSpec as it is written: subnets, security groups and capacity providers are not looked up yet. */
export type ParsedAppSpec = Omit<CodeDeployAppSpec, "network" | "capacityProviderStrategy"> & {
  readonly network: AwsVpcConfiguration | undefined;
  readonly capacityProviders: readonly CapacityProviderStrategyItem[];
};

const TYPE = "AWS::ECS::Service";

/**
 * Reads the AppSpec of an ECS deployment, in YAML or JSON. Every key is known and in its place, so that a
 * wrong indentation is not taken for a missing property.
 * Source: CodeDeploy User Guide, "AppSpec file structure for Amazon ECS deployments".
 * Errors: InvalidRevisionException, with the line and the key.
 */
export function parseAppSpec(text: string, place: Place): ParsedAppSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0]);
    const key = /^[\s-]*["']?(\w+)["']?\s*:/.exec(text.split("\n")[line - 1] ?? "")?.[1];
    const what = problem.message.split("\n")[0]?.replace(/ at line .*$/, "");
    throw invalid(`line ${line}: ${key === undefined ? "" : `${key}: `}${what}.`);
  }
  return new AppSpecReader(lines, place).read(document.contents);
}

export function invalid(message: string): ApiError {
  return new ApiError("InvalidRevisionException", `The AppSpec file is not valid: ${message}`);
}

/** The keys of a mapping. */
type Members<K extends string> = Readonly<Partial<Record<K, Node>>>;

class AppSpecReader {
  readonly #lines: LineCounter;
  readonly #place: Place;

  constructor(lines: LineCounter, place: Place) {
    this.#lines = lines;
    this.#place = place;
  }

  read(root: Node | null): ParsedAppSpec {
    const { version, Resources, Hooks } = this.#members(root, "the AppSpec", [
      "version",
      "Resources",
      "Hooks",
    ]);
    if (version === undefined || !/^0(\.0)?$/.test(this.#text(version, "version")))
      throw this.#wrong(version ?? root, "version", "must be 0.0");
    const resource = this.#only(Resources, "Resources", root);
    const { Type, Properties } = this.#members(resource.value, resource.name, ["Type", "Properties"]);
    if (Type === undefined || this.#text(Type, "Type") !== TYPE)
      throw this.#wrong(Type ?? resource.value, "Type", `must be ${TYPE}`);
    return { ...this.#properties(Properties, resource.value), hooks: this.#hooks(Hooks) };
  }

  #properties(node: Node | undefined, parent: Node | null): Omit<ParsedAppSpec, "hooks"> {
    const properties = this.#members(node ?? parent, "Properties", [
      "TaskDefinition",
      "LoadBalancerInfo",
      "PlatformVersion",
      "NetworkConfiguration",
      "CapacityProviderStrategy",
    ]);
    const { TaskDefinition, LoadBalancerInfo, PlatformVersion, NetworkConfiguration } = properties;
    if (TaskDefinition === undefined) throw this.#missing(node ?? parent, "TaskDefinition", "Properties");
    if (LoadBalancerInfo === undefined) throw this.#missing(node ?? parent, "LoadBalancerInfo", "Properties");
    const balancer = this.#members(LoadBalancerInfo, "LoadBalancerInfo", ["ContainerName", "ContainerPort"]);
    if (balancer.ContainerName === undefined)
      throw this.#missing(LoadBalancerInfo, "ContainerName", "LoadBalancerInfo");
    if (balancer.ContainerPort === undefined)
      throw this.#missing(LoadBalancerInfo, "ContainerPort", "LoadBalancerInfo");
    const containerPort = Number(this.#text(balancer.ContainerPort, "ContainerPort"));
    if (!Number.isInteger(containerPort) || containerPort < 1 || containerPort > 65_535)
      throw this.#wrong(balancer.ContainerPort, "ContainerPort", "must be a port from 1 to 65535");
    return {
      taskDefinition: this.#text(TaskDefinition, "TaskDefinition"),
      containerName: this.#text(balancer.ContainerName, "ContainerName"),
      containerPort,
      platformVersion:
        PlatformVersion === undefined ? undefined : this.#text(PlatformVersion, "PlatformVersion"),
      network: NetworkConfiguration === undefined ? undefined : this.#network(NetworkConfiguration),
      capacityProviders: this.#capacityProviders(properties.CapacityProviderStrategy),
    };
  }

  /** Source: CodeDeploy User Guide, "AppSpec 'resources' section for Amazon ECS deployments". */
  #capacityProviders(node: Node | undefined): readonly CapacityProviderStrategyItem[] {
    if (node === undefined) return [];
    if (!isSeq(node)) throw this.#wrong(node, "CapacityProviderStrategy", "must be a list");
    return (node.items as Node[]).map((item) => {
      // Items of a parsed sequence are nodes.
      const { Base, CapacityProvider, Weight } = this.#members(item, "CapacityProviderStrategy", [
        "Base",
        "CapacityProvider",
        "Weight",
      ]);
      if (CapacityProvider === undefined)
        throw this.#missing(item, "CapacityProvider", "CapacityProviderStrategy");
      return {
        capacityProvider: this.#text(CapacityProvider, "CapacityProvider"),
        base: Base && this.#count(Base, "Base"),
        weight: Weight && this.#count(Weight, "Weight"),
      };
    });
  }

  #count(node: Node, key: string): number {
    const count = Number(this.#text(node, key));
    if (!Number.isInteger(count) || count < 0) throw this.#wrong(node, key, "must be a number from 0 on");
    return count;
  }

  #network(node: Node): AwsVpcConfiguration {
    const outer = this.#members(node, "NetworkConfiguration", ["AwsvpcConfiguration", "awsvpcConfiguration"]);
    const inner = outer.AwsvpcConfiguration ?? outer.awsvpcConfiguration;
    if (inner === undefined) throw this.#missing(node, "AwsvpcConfiguration", "NetworkConfiguration");
    const given = this.#members(inner, "AwsvpcConfiguration", [
      "Subnets",
      "subnets",
      "SecurityGroups",
      "securityGroups",
      "AssignPublicIp",
      "assignPublicIp",
    ]);
    const publicIp = given.AssignPublicIp ?? given.assignPublicIp;
    const assign = publicIp === undefined ? "DISABLED" : this.#text(publicIp, "AssignPublicIp");
    if (assign !== "ENABLED" && assign !== "DISABLED")
      throw this.#wrong(publicIp ?? inner, "AssignPublicIp", "must be ENABLED or DISABLED");
    return {
      subnets: this.#texts(given.Subnets ?? given.subnets, "Subnets"),
      securityGroups: this.#texts(given.SecurityGroups ?? given.securityGroups, "SecurityGroups"),
      assignPublicIp: assign,
    };
  }

  #hooks(node: Node | undefined): CodeDeployAppSpec["hooks"] {
    if (node === undefined || (isScalar(node) && node.value === null)) return {};
    const entries = isSeq(node) ? (node.items as Node[]) : [node]; // Items of a parsed sequence are nodes.
    const hooks: Partial<Record<CodeDeployEventName, string>> = {};
    for (const entry of entries) {
      const given = this.#members(entry, "Hooks", [
        "BeforeInstall",
        "AfterInstall",
        "AfterAllowTestTraffic",
        "BeforeAllowTraffic",
        "AfterAllowTraffic",
      ]);
      for (const [name, value] of Object.entries(given)) {
        const event = CODE_DEPLOY_EVENTS.find((each) => each === name);
        if (event !== undefined) hooks[event] = this.#functionArn(this.#text(value, name));
      }
    }
    return hooks;
  }

  #functionArn(name: string): string {
    return name.startsWith("arn:") ? name : formatArn("lambda", this.#place, `function:${name}`);
  }

  /** The one resource: an entry of a list, as AWS writes it, or of a mapping. */
  #only(node: Node | undefined, key: string, root: Node | null): { name: string; value: Node | null } {
    if (node === undefined) throw this.#missing(root, key, "the AppSpec");
    const entries = isSeq(node) ? (node.items as Node[]) : [node]; // As above.
    const [entry] = entries;
    if (entries.length !== 1 || !isMap(entry)) throw this.#wrong(node, key, "must have exactly one resource");
    const pairs = entry.items as Pair<Node, Node | null>[]; // As above.
    const [pair, beside] = pairs;
    if (pair === undefined) throw this.#wrong(node, key, "must have exactly one resource");
    if (beside !== undefined)
      throw this.#wrong(
        beside.key,
        this.#text(beside.key, key),
        `must be indented below ${this.#text(pair.key, key)}`,
      );
    return { name: this.#text(pair.key, key), value: pair.value };
  }

  #members<K extends string>(node: Node | null, where: string, known: readonly K[]): Members<K> {
    if (!isMap(node)) throw this.#wrong(node, where, `must be a mapping with the keys ${known.join(", ")}`);
    const found: Partial<Record<K, Node>> = {};
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      // As above.
      const key = this.#text(pair.key, where);
      const name = known.find((each) => each === key);
      if (name === undefined)
        throw this.#wrong(pair.key, key, `does not belong to ${where}, whose keys are ${known.join(", ")}`);
      if (pair.value === null) throw this.#wrong(pair.key, key, "has no value");
      found[name] = pair.value;
    }
    return found;
  }

  #texts(node: Node | undefined, key: string): string[] {
    if (node === undefined || (isScalar(node) && node.value === null)) return [];
    if (!isSeq(node)) throw this.#wrong(node, key, "must be a list");
    return (node.items as Node[]).map((item) => this.#text(item, key)); // As above.
  }

  #text(node: Node, key: string): string {
    if (!isScalar(node) || !["string", "number"].includes(typeof node.value) || node.value === "")
      throw this.#wrong(node, key, "must be a text");
    return String(node.source ?? node.value);
  }

  #missing(node: Node | null | undefined, key: string, where: string): ApiError {
    return invalid(`line ${this.#lineOf(node)}: ${where} needs the key ${key}.`);
  }

  #wrong(node: Node | null | undefined, key: string, what: string): ApiError {
    return invalid(`line ${this.#lineOf(node)}: ${key} ${what}.`);
  }

  #lineOf(node: Node | null | undefined): number {
    return this.#lines.linePos(node?.range?.[0] ?? 0).line;
  }
}
