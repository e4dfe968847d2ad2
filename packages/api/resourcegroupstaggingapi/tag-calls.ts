import { parseArn, type Arn } from "@gantry/kernel";
import type { Tags } from "@gantry/state";
import type { RequestContext } from "@gantry/wire";
import type { Place } from "../common/api-deps.ts";
import { presentTags, toTags, withoutTags } from "../common/tags.ts";
import { prefixOf, RESOURCES } from "../ec2/resources.ts";
import { ApiError } from "./api-error.ts";

type Caller = Pick<RequestContext, "call">;

/** How the tags of one resource are changed. Errors: those of the resource's service. */
export interface TagCalls {
  readonly tag: (caller: Caller, tags: Tags) => Promise<void>;
  readonly untag: (caller: Caller, keys: readonly string[]) => Promise<void>;
}

type Input = Record<string, unknown>;

/** The two operations of a service that tags, and their inputs. */
interface Words {
  /** The folder of the service. */
  readonly service: string;
  readonly tag: string;
  readonly untag: string;
  /** The member that names the resource. */
  readonly named: (arn: string, parsed: Arn) => Input;
  readonly tags?: (tags: Tags) => Input;
  readonly keys?: (keys: readonly string[]) => Input;
}

const TAG_RESOURCE = { tag: "TagResource", untag: "UntagResource" };
const LOWER_KEYS = (keys: readonly string[]): Input => ({ tagKeys: keys });
const PAIRS_OF_KEYS = (keys: readonly string[]): Input => ({ Tags: keys.map((Key) => ({ Key })) });

/** By the service in the ARN. Source: the API reference of each service. */
const WORDS: Readonly<Record<string, Words>> = {
  acm: {
    service: "acm",
    tag: "AddTagsToCertificate",
    untag: "RemoveTagsFromCertificate",
    named: (CertificateArn) => ({ CertificateArn }),
    keys: PAIRS_OF_KEYS,
  },
  "application-autoscaling": {
    service: "application-autoscaling",
    ...TAG_RESOURCE,
    named: (ResourceARN) => ({ ResourceARN }),
    tags: (Tags) => ({ Tags }),
  },
  cloudwatch: { service: "cloudwatch", ...TAG_RESOURCE, named: (ResourceARN) => ({ ResourceARN }) },
  codedeploy: { service: "codedeploy", ...TAG_RESOURCE, named: (ResourceArn) => ({ ResourceArn }) },
  ec2: {
    service: "ec2",
    tag: "CreateTags",
    untag: "DeleteTags",
    named: (arn, parsed) => ({ Resources: [ec2IdOf(arn, parsed)] }),
    keys: PAIRS_OF_KEYS,
  },
  ecr: {
    service: "ecr",
    ...TAG_RESOURCE,
    named: (resourceArn) => ({ resourceArn }),
    tags: (tags) => ({ tags: presentTags(tags) }),
    keys: LOWER_KEYS,
  },
  ecs: {
    service: "ecs",
    ...TAG_RESOURCE,
    named: (resourceArn) => ({ resourceArn }),
    tags: (tags) => ({ tags: Object.entries(tags).map(([key, value]) => ({ key, value })) }),
    keys: LOWER_KEYS,
  },
  elasticfilesystem: {
    service: "efs",
    ...TAG_RESOURCE,
    named: (ResourceId) => ({ ResourceId }),
  },
  elasticloadbalancing: {
    service: "elbv2",
    tag: "AddTags",
    untag: "RemoveTags",
    named: (arn) => ({ ResourceArns: [arn] }),
  },
  events: { service: "eventbridge", ...TAG_RESOURCE, named: (ResourceARN) => ({ ResourceARN }) },
  kms: {
    service: "kms",
    ...TAG_RESOURCE,
    named: (KeyId) => ({ KeyId }),
    tags: (tags) => ({
      Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    }),
  },
  logs: {
    service: "logs",
    ...TAG_RESOURCE,
    named: (resourceArn) => ({ resourceArn }),
    tags: (tags) => ({ tags }),
    keys: LOWER_KEYS,
  },
  rds: {
    service: "rds",
    tag: "AddTagsToResource",
    untag: "RemoveTagsFromResource",
    named: (ResourceName) => ({ ResourceName }),
  },
  scheduler: { service: "scheduler", ...TAG_RESOURCE, named: (ResourceArn) => ({ ResourceArn }) },
  secretsmanager: { service: "secretsmanager", ...TAG_RESOURCE, named: (SecretId) => ({ SecretId }) },
  servicediscovery: {
    service: "servicediscovery",
    ...TAG_RESOURCE,
    named: (ResourceARN) => ({ ResourceARN }),
  },
  sqs: {
    service: "sqs",
    tag: "TagQueue",
    untag: "UntagQueue",
    named: (_arn, { account, resource }) => ({ QueueUrl: `/${account}/${resource}` }),
    tags: (Tags) => ({ Tags }),
  },
  ssm: {
    service: "ssm",
    tag: "AddTagsToResource",
    untag: "RemoveTagsFromResource",
    named: (arn, parsed) => ({ ResourceType: "Parameter", ResourceId: parameterNameOf(arn, parsed) }),
  },
};

/** Who tags a resource of the caller's account and region. Errors: InvalidParameterException. */
export function serviceOf(arn: string, place: Place): TagCalls {
  const parsed = parseArn(arn);
  if (parsed?.service === "s3") return bucketCalls(bucketOf(arn, parsed));
  const words =
    parsed !== undefined && Object.hasOwn(WORDS, parsed.service) ? WORDS[parsed.service] : undefined;
  if (parsed === undefined || words === undefined) throw unsupportedArn(arn);
  if (parsed.account !== place.account || parsed.region !== place.region)
    throw invalid(`The resource ${arn} is not in the account and the region of the request.`);
  const { service, tag, untag, named } = words;
  const {
    tags: tagsIn = (tags) => ({ Tags: presentTags(tags) }),
    keys: keysIn = (TagKeys) => ({ TagKeys }),
  } = words;
  const resource = named(arn, parsed);
  return {
    tag: async ({ call }, tags) => {
      await call({ service, operation: tag, input: { ...resource, ...tagsIn(tags) } });
    },
    untag: async ({ call }, keys) => {
      await call({ service, operation: untag, input: { ...resource, ...keysIn(keys) } });
    },
  };
}

/** S3 replaces the tags of a bucket together, so they are read first: the caller needs both permissions, as on AWS. */
function bucketCalls(Bucket: string): TagCalls {
  const change = async ({ call }: Caller, changed: (tags: Tags) => Tags): Promise<void> => {
    const tags = changed(await bucketTags(call, Bucket));
    if (Object.keys(tags).length === 0)
      await call({ service: "s3", operation: "DeleteBucketTagging", input: { Bucket } });
    else {
      const Tagging = { TagSet: presentTags(tags) };
      await call({ service: "s3", operation: "PutBucketTagging", input: { Bucket, Tagging } });
    }
  };
  return {
    tag: (caller, tags) => change(caller, (before) => ({ ...before, ...tags })),
    untag: (caller, keys) => change(caller, (before) => withoutTags(before, keys)),
  };
}

async function bucketTags(call: RequestContext["call"], Bucket: string): Promise<Tags> {
  try {
    const found = await call({ service: "s3", operation: "GetBucketTagging", input: { Bucket } });
    return toTags((found as { TagSet?: Parameters<typeof toTags>[0] }).TagSet); // The operation's output.
  } catch (thrown) {
    if (thrown instanceof ApiError && thrown.code === "NoSuchTagSet") return {};
    throw thrown;
  }
}

function bucketOf(arn: string, { resource, account, region }: Arn): string {
  if (resource === "" || resource.includes("/") || account !== "" || region !== "") throw unsupportedArn(arn);
  return resource;
}

/** EC2 names resources by id: the type in the ARN must be the one of the id. */
function ec2IdOf(arn: string, { resource }: Arn): string {
  const [type, id = "", ...more] = resource.split("/");
  const prefix = prefixOf(id);
  const expected =
    prefix === "sgr"
      ? "security-group-rule"
      : Object.entries(RESOURCES).find(([each]) => each === prefix)?.[1].type;
  if (expected === undefined || type !== expected || more.length > 0) throw unsupportedArn(arn);
  return id;
}

/** A name with a slash starts with one, and the ARN has one slash for both. */
function parameterNameOf(arn: string, { resource }: Arn): string {
  const name = resource.replace(/^parameter\//, "");
  if (name === resource || name === "") throw unsupportedArn(arn);
  return name.includes("/") ? `/${name}` : name;
}

function unsupportedArn(arn: string): ApiError {
  return invalid(`The ARN ${arn} is not of a resource that can be tagged here.`);
}

function invalid(message: string): ApiError {
  return new ApiError("InvalidParameterException", message, { status: 400 });
}
