import { formatArn, isObject, parseArn } from "@gantry/kernel";
import type { Reader } from "@gantry/state";
import type { Asked, Read, Value } from "./key-readers.ts";

type Members = Readonly<Record<string, unknown>>;

const at = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
const shown = (value: unknown): Value =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;

/** A key of instances: of the record, or of the request that launches them. */
function ofInstance(
  recorded: (instance: Members) => unknown,
  asked: (input: Members, of: Asked) => unknown,
): Read {
  return (given, store) => {
    const [type, id] = typeAndId(given.resource);
    if (type !== "instance") return undefined;
    const record = store.get("ec2Instance", id);
    return shown(record === undefined ? asked(given.input, given) : recorded({ ...record }));
  };
}

/** A key of volumes: of the record, or of the root volume in the request that launches an instance. */
function ofVolume(name: string, recorded: string): Read {
  return ({ resource, input }, store) => {
    const [type, id] = typeAndId(resource);
    if (type !== "volume") return undefined;
    const record = store.get("volume", id);
    const [mapping] = Array.isArray(input["BlockDeviceMappings"])
      ? (input["BlockDeviceMappings"] as unknown[])
      : [];
    return shown(record === undefined ? at(at(mapping, "Ebs"), name) : at({ ...record }, recorded));
  };
}

const metadata = (recorded: string, member: string): Read =>
  ofInstance(
    (instance) => at(instance["metadataOptions"], recorded),
    (input) => at(input["MetadataOptions"], member),
  );

/** Condition keys of instances, key pairs and volumes. Source: Service Authorization Reference, Amazon EC2. */
export const INSTANCE_KEYS: Readonly<Record<string, Read>> = {
  "ec2:InstanceType": ofInstance(
    (instance) => instance["instanceType"],
    (input) => input["InstanceType"],
  ),
  "ec2:InstanceID": ({ resource }) => {
    const [type, id] = typeAndId(resource);
    return type === "instance" && id !== "*" ? id : undefined;
  },
  "ec2:InstanceProfile": ofInstance(
    (instance) => at(instance["profile"], "arn"),
    (input, asked) => profileArn(input, asked),
  ),
  "ec2:EbsOptimized": ofInstance(
    (instance) => at(instance["settings"], "EbsOptimized") ?? false,
    (input) => input["EbsOptimized"] ?? false,
  ),
  "ec2:RootDeviceType": ofInstance(
    () => "ebs",
    () => "ebs",
  ),
  "ec2:MetadataHttpTokens": metadata("httpTokens", "HttpTokens"),
  "ec2:MetadataHttpEndpoint": metadata("httpEndpoint", "HttpEndpoint"),
  "ec2:MetadataHttpPutResponseHopLimit": metadata("hopLimit", "HttpPutResponseHopLimit"),
  "ec2:ImageID": ({ resource }) => {
    const [type, id] = typeAndId(resource);
    return type === "image" && id !== "*" ? id : undefined;
  },
  "ec2:ImageType": ({ resource }) => (typeAndId(resource)[0] === "image" ? "machine" : undefined),
  "ec2:Public": ({ resource }) => (typeAndId(resource)[0] === "image" ? "true" : undefined),
  "ec2:KeyPairName": ({ resource, input }) => {
    const [type, name] = typeAndId(resource);
    return type === "key-pair" ? (name === "*" ? shown(input["KeyName"]) : name) : undefined;
  },
  "ec2:KeyPairType": ({ resource, input }, store) => keyPairType(resource, input, store),
  "ec2:PlacementGroupName": ({ resource }) => {
    const [type, name] = typeAndId(resource);
    return type === "placement-group" && name !== "*" ? name : undefined;
  },
  "ec2:PlacementGroupStrategy": ({ resource, input, account, region }, store) => {
    const [type, name] = typeAndId(resource);
    if (type !== "placement-group") return undefined;
    const known = store
      .list("placementGroup")
      .find((each) => each.name === name && each.account === account && each.region === region);
    return known?.strategy ?? shown(input["Strategy"]) ?? "cluster";
  },
  "ec2:SnapshotID": ({ resource }) => {
    const [type, id] = typeAndId(resource);
    return type === "snapshot" && id !== "*" ? id : undefined;
  },
  "ec2:SnapshotTime": ({ resource }, store) => {
    const [type, id] = typeAndId(resource);
    const startedAt = type === "snapshot" ? store.get("snapshot", id)?.startedAt : undefined;
    return startedAt === undefined ? undefined : new Date(startedAt).toISOString();
  },
  "ec2:VolumeID": ({ resource }) => {
    const [type, id] = typeAndId(resource);
    return type === "volume" && id !== "*" ? id : undefined;
  },
  "ec2:VolumeSize": ofVolume("VolumeSize", "sizeGiB"),
  "ec2:VolumeType": ofVolume("VolumeType", "type"),
  "ec2:VolumeIops": ofVolume("Iops", "iops"),
  "ec2:VolumeThroughput": ofVolume("Throughput", "throughput"),
  "ec2:Encrypted": ofVolume("Encrypted", "encrypted"),
};

function typeAndId(resource: string): readonly [type: string, id: string] {
  const [type = "", id = ""] = (parseArn(resource)?.resource ?? "").split("/");
  return [type, id];
}

function profileArn({ IamInstanceProfile: given }: Members, { account }: Asked): unknown {
  const name = at(given, "Name");
  return (
    at(given, "Arn") ??
    (typeof name === "string"
      ? formatArn("iam", { account, region: "" }, `instance-profile/${name}`)
      : undefined)
  );
}

function keyPairType(resource: string, input: Members, store: Reader): Value {
  const [type, name] = typeAndId(resource);
  if (type !== "key-pair") return undefined;
  const record = store.list("keyPair").find((pair) => pair.name === name);
  return record?.type ?? shown(input["KeyType"]) ?? (name === "*" ? "rsa" : undefined);
}
