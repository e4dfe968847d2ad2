/** AWS's managed policies that users of these services attach. Source: AWS Managed Policy Reference Guide. */
const ALLOW = (Action: readonly string[] | string, Resource: string | readonly string[] = "*") => ({ Effect: "Allow", Action, Resource });

const ECR_READ = [
  "ecr:GetAuthorizationToken",
  "ecr:BatchCheckLayerAvailability",
  "ecr:GetDownloadUrlForLayer",
  "ecr:GetRepositoryPolicy",
  "ecr:DescribeRepositories",
  "ecr:ListImages",
  "ecr:DescribeImages",
  "ecr:BatchGetImage",
  "ecr:GetLifecyclePolicy",
  "ecr:GetLifecyclePolicyPreview",
  "ecr:ListTagsForResource",
  "ecr:DescribeImageScanFindings",
];

const DOCUMENTS: Readonly<Record<string, readonly object[]>> = {
  AdministratorAccess: [ALLOW("*")],
  AmazonS3FullAccess: [ALLOW(["s3:*", "s3-object-lambda:*"])],
  AmazonS3ReadOnlyAccess: [ALLOW(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"])],
  AmazonECS_FullAccess: [
    ALLOW([
      "ecs:*",
      "ec2:Describe*",
      "elasticloadbalancing:*",
      "logs:*",
      "application-autoscaling:*",
      "cloudwatch:*",
      "codedeploy:*",
      "servicediscovery:*",
      "iam:ListRoles",
      "iam:PassRole",
    ]),
  ],
  AmazonEC2ContainerRegistryPowerUser: [
    ALLOW([...ECR_READ, "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"]),
  ],
  AmazonEC2ContainerRegistryReadOnly: [ALLOW([...ECR_READ])],
  AmazonEC2ContainerRegistryFullAccess: [ALLOW(["ecr:*", "cloudtrail:LookupEvents"])],
  CloudWatchLogsFullAccess: [ALLOW(["logs:*"])],
  "service-role/AmazonECSTaskExecutionRolePolicy": [
    ALLOW([
      "ecr:GetAuthorizationToken",
      "ecr:BatchCheckLayerAvailability",
      "ecr:GetDownloadUrlForLayer",
      "ecr:BatchGetImage",
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]),
  ],
  AWSCodeDeployRoleForECS: [
    ALLOW([
      "ecs:DescribeServices",
      "ecs:CreateTaskSet",
      "ecs:UpdateServicePrimaryTaskSet",
      "ecs:DeleteTaskSet",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:ModifyListener",
      "elasticloadbalancing:DescribeRules",
      "elasticloadbalancing:ModifyRule",
      "lambda:InvokeFunction",
      "cloudwatch:DescribeAlarms",
      "sns:Publish",
      "s3:GetObject",
      "s3:GetObjectVersion",
    ]),
    { Effect: "Allow", Action: ["iam:PassRole"], Resource: "*", Condition: { StringLike: { "iam:PassedToService": ["ecs-tasks.amazonaws.com"] } } },
  ],
};

/** The document of one of AWS's managed policies, or undefined where it is not known here. */
export function managedPolicyDocument(arn: string): string | undefined {
  const name = /^arn:aws:iam::aws:policy\/(.+)$/.exec(arn)?.[1];
  const statements = name === undefined ? undefined : DOCUMENTS[name];
  return statements === undefined ? undefined : JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

export function managedPolicyArns(): readonly string[] {
  return Object.keys(DOCUMENTS).map((name) => `arn:aws:iam::aws:policy/${name}`);
}
