import { glob, parsePolicyDocument, type Statement } from "@gantry/iam";

/**
 * The services that an access report knows, by their IAM prefix.
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS services".
 */
const SERVICES: Readonly<Record<string, string>> = {
  acm: "AWS Certificate Manager",
  "application-autoscaling": "AWS Application Auto Scaling",
  cloudwatch: "Amazon CloudWatch",
  codedeploy: "AWS CodeDeploy",
  ec2: "Amazon EC2",
  ecr: "Amazon Elastic Container Registry",
  ecs: "Amazon Elastic Container Service",
  elasticfilesystem: "Amazon Elastic File System",
  elasticloadbalancing: "AWS Elastic Load Balancing",
  events: "Amazon EventBridge",
  iam: "AWS Identity and Access Management",
  kms: "AWS Key Management Service",
  logs: "Amazon CloudWatch Logs",
  rds: "Amazon RDS",
  s3: "Amazon S3",
  scheduler: "Amazon EventBridge Scheduler",
  secretsmanager: "AWS Secrets Manager",
  servicediscovery: "AWS Cloud Map",
  servicequotas: "Service Quotas",
  sns: "Amazon SNS",
  sqs: "Amazon SQS",
  ssm: "AWS Systems Manager",
  sts: "AWS Security Token Service",
  tag: "Amazon Resource Group Tagging API",
};

/** The name of a service; the prefix itself for one that the platform does not have. */
export function serviceName(namespace: string): string {
  return SERVICES[namespace] ?? namespace;
}

/** The prefixes of the services that the documents permit any action of. */
export function grantedServices(documents: readonly string[]): readonly string[] {
  const allowing = allowStatements(documents);
  const named = allowing.flatMap(({ actions }) =>
    actions.flatMap((action) => {
      const [prefix = ""] = action.toLowerCase().split(":");
      return /[*?]/.test(prefix) ? [] : [prefix];
    }),
  );
  return [...new Set([...Object.keys(SERVICES), ...named])].filter((namespace) =>
    allowing.some((statement) => allowsService(statement, namespace)),
  );
}

/** Whether the documents permit any action of a service. */
export function grantsService(documents: readonly string[], namespace: string): boolean {
  return allowStatements(documents).some((statement) => allowsService(statement, namespace));
}

function allowStatements(documents: readonly string[]): readonly Statement[] {
  return documents
    .filter((text) => text !== "")
    .flatMap((text) => parsePolicyDocument(text).statements)
    .filter(({ effect }) => effect === "Allow");
}

function allowsService({ actions, notActions }: Statement, namespace: string): boolean {
  if (notActions.length > 0)
    return !notActions.some((action) => ["*", `${namespace}:*`].includes(action.toLowerCase()));
  return actions.some((action) => {
    const lower = action.toLowerCase();
    return lower === "*" || glob(lower.split(":")[0] ?? "", namespace);
  });
}
