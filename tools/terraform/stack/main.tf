# A stack of more than 200 resources in the manner of the popular modules: a VPC of three zones, an ECS cluster with
# several services, a load balancer with many rules, buckets with every setting, keys, secrets, queues, a database, a
# file system, alarms and roles for OIDC.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" {
  default = "stack"
}
variable "stage" {
  default = "dev"
}
# How many tasks each service runs.
variable "tasks" {
  type    = number
  default = 0
}
variable "image" {
  default = "public.ecr.aws/docker/library/busybox:latest"
}
variable "database" {
  type    = bool
  default = true
}

provider "aws" {
  region                  = "eu-south-1"
  skip_metadata_api_check = true
  s3_use_path_style       = true
  default_tags {
    tags = { Repository = "stack", Terraform = "true" }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_availability_zones" "available" {
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"
  azs     = slice(data.aws_availability_zones.available.names, 0, 3)
  cidr    = "10.40.0.0/16"
  tags    = { Stage = var.stage }
  services = {
    web    = { capacity = "FARGATE", balanced = true }
    api    = { capacity = "FARGATE_SPOT", balanced = true }
    worker = { capacity = "FARGATE_SPOT", balanced = false }
  }
}

module "vpc" {
  source                = "./modules/vpc"
  name                  = var.name
  cidr                  = local.cidr
  secondary_cidr_blocks = ["10.41.0.0/16"]
  azs                   = local.azs
  public_subnets        = [for index, zone in local.azs : cidrsubnet(local.cidr, 8, index)]
  private_subnets       = [for index, zone in local.azs : cidrsubnet(local.cidr, 8, index + 10)]
  database_subnets      = [for index, zone in local.azs : cidrsubnet(local.cidr, 8, index + 20)]
  intra_subnets         = [for index, zone in local.azs : cidrsubnet(local.cidr, 8, index + 30)]
  interface_endpoints   = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "kms", "sts"]
  flow_log_bucket_arn   = aws_s3_bucket.logs.arn
  tags                  = local.tags
}

module "kms" {
  source                 = "./modules/kms"
  for_each               = toset(["data", "secrets", "images"])
  description            = "The key of ${each.key}"
  aliases                = ["${var.name}/${each.key}"]
  key_service_principals = ["logs.${data.aws_region.current.name}.amazonaws.com"]
  tags                   = local.tags
}

# Where load balancers, flow logs and buckets write their logs.
resource "aws_s3_bucket" "logs" {
  bucket        = "${var.name}-logs-${local.account}"
  force_destroy = true
  tags          = local.tags
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    object_ownership = "ObjectWriter"
  }
}

resource "aws_s3_bucket_acl" "logs" {
  bucket     = aws_s3_bucket.logs.id
  acl        = "log-delivery-write"
  depends_on = [aws_s3_bucket_ownership_controls.logs]
}

data "aws_elb_service_account" "this" {}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "Elb"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_elb_service_account.this.arn]
    }
  }
  statement {
    sid       = "LogDelivery"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com", "logging.s3.amazonaws.com"]
    }
  }
  statement {
    sid       = "LogDeliveryAcl"
    actions   = ["s3:GetBucketAcl", "s3:ListBucket"]
    resources = [aws_s3_bucket.logs.arn]
    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com"]
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = data.aws_iam_policy_document.logs.json
}

module "bucket" {
  source      = "./modules/s3-bucket"
  for_each    = toset(["assets", "uploads"])
  bucket      = "${var.name}-${each.key}-${local.account}"
  kms_key_arn = module.kms["data"].key_arn
  log_bucket  = aws_s3_bucket.logs.id
  tags        = local.tags
}

resource "aws_s3_object" "pages" {
  for_each               = toset(["index.html", "error.html"])
  bucket                 = module.bucket["assets"].id
  key                    = each.value
  content                = "<h1>${each.value} of ${var.stage}</h1>"
  content_type           = "text/html"
  server_side_encryption = "aws:kms"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket      = module.bucket["uploads"].id
  eventbridge = true
}

# Certificates, load balancer.
resource "aws_acm_certificate" "this" {
  for_each                  = toset(["shop.test", "api.shop.test"])
  domain_name               = each.value
  subject_alternative_names = ["*.${each.value}"]
  validation_method         = "DNS"
  tags                      = local.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate_validation" "this" {
  for_each        = aws_acm_certificate.this
  certificate_arn = each.value.arn
}

module "alb" {
  source                     = "./modules/alb"
  name                       = var.name
  vpc_id                     = module.vpc.vpc_id
  vpc_cidr_block             = module.vpc.vpc_cidr_block
  subnets                    = module.vpc.public_subnets
  log_bucket                 = aws_s3_bucket_policy.logs.bucket
  certificate_arn            = aws_acm_certificate_validation.this["shop.test"].certificate_arn
  additional_certificate_arn = aws_acm_certificate_validation.this["api.shop.test"].certificate_arn
  target_groups              = [for name, service in local.services : name if service.balanced]
  path_rules = {
    for index in range(12) : "part-${index}" => {
      priority = index + 1
      group    = index % 2 == 0 ? "web" : "api"
      paths    = ["/part-${index}", "/part-${index}/*"]
    }
  }
  tags = local.tags
}

# Secrets and parameters.
resource "aws_secretsmanager_secret" "this" {
  for_each                = toset(["database", "session"])
  name                    = "${var.name}/${each.value}"
  description             = "The secret of ${each.value}"
  kms_key_id              = module.kms["secrets"].key_id
  recovery_window_in_days = 0
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each      = aws_secretsmanager_secret.this
  secret_id     = each.value.id
  secret_string = jsonencode({ password = "sesame-${each.key}" })
}

resource "aws_ssm_parameter" "this" {
  for_each = { mode = "String", hosts = "StringList", token = "SecureString" }
  name     = "/${var.name}/${each.key}"
  type     = each.value
  value    = "${each.key}-of-${var.stage}"
  key_id   = each.value == "SecureString" ? module.kms["secrets"].key_id : null
  tags     = local.tags
}

# The cluster and its services.
resource "aws_cloudwatch_log_group" "exec" {
  name              = "/aws/ecs/${var.name}"
  retention_in_days = 90
  tags              = local.tags
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  configuration {
    execute_command_configuration {
      logging = "OVERRIDE"
      log_configuration {
        cloud_watch_log_group_name = aws_cloudwatch_log_group.exec.name
      }
    }
  }
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
  tags = local.tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 50
  }
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 50
  }
}

module "service" {
  source                          = "./modules/ecs-service"
  for_each                        = local.services
  name                            = "${var.name}-${each.key}"
  cluster_arn                     = aws_ecs_cluster.this.arn
  cluster_name                    = aws_ecs_cluster_capacity_providers.this.cluster_name
  vpc_id                          = module.vpc.vpc_id
  subnets                         = module.vpc.private_subnets
  image                           = var.image
  command                         = ["sh", "-c", "mkdir -p /shared/www && echo up > /shared/www/index.html && exec httpd -f -p 8080 -h /shared/www"]
  desired_count                   = var.tasks
  capacity_provider               = each.value.capacity
  balanced                        = each.value.balanced
  target_group_arn                = each.value.balanced ? module.alb.target_groups[each.key] : null
  load_balancer_security_group_id = module.alb.security_group_id
  secrets = {
    DATABASE_PASSWORD = "${aws_secretsmanager_secret_version.this["database"].arn}:password::"
    TOKEN             = aws_ssm_parameter.this["token"].arn
  }
  secret_arns    = [for secret in aws_secretsmanager_secret.this : secret.arn]
  parameter_arns = [for parameter in aws_ssm_parameter.this : parameter.arn]
  kms_key_arn    = module.kms["secrets"].key_arn
  wait           = var.tasks > 0
  tags           = local.tags
}

module "ecr" {
  source    = "./modules/ecr"
  for_each  = toset(["web", "api", "worker"])
  name      = "${var.name}/${each.key}"
  read_arns = [module.service[each.key].task_role_arn]
  kms_key   = module.kms["images"].key_arn
  tags      = local.tags
}

# A database and a file system.
module "data_security_group" {
  source      = "./modules/security-group"
  for_each    = { mysql = 3306, nfs = 2049 }
  name        = "${var.name}-${each.key}"
  description = "The port of ${each.key}"
  vpc_id      = module.vpc.vpc_id
  tags        = local.tags
  ingress_with_cidr_blocks = {
    vpc = { from = each.value, to = each.value, protocol = "tcp", cidr_blocks = local.cidr }
  }
  ingress_with_source_security_group_id = {
    for name, service in module.service :
    name => { from = each.value, to = each.value, protocol = "tcp", source = service.security_group_id }
  }
}

resource "aws_db_instance" "this" {
  count                      = var.database ? 1 : 0
  identifier                 = var.name
  engine                     = "mysql"
  engine_version             = "8.0"
  instance_class             = "db.t3.micro"
  allocated_storage          = 20
  max_allocated_storage      = 100
  storage_type               = "gp3"
  storage_encrypted          = true
  db_name                    = "shop"
  username                   = "shop"
  password                   = "sesame-open-sesame"
  port                       = 3306
  multi_az                   = false
  db_subnet_group_name       = module.vpc.database_subnet_group_name
  vpc_security_group_ids     = [module.data_security_group["mysql"].id]
  backup_retention_period    = 0
  maintenance_window         = "mon:00:00-mon:03:00"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  skip_final_snapshot        = true
  apply_immediately          = true
  deletion_protection        = false
  tags                       = local.tags
}

resource "aws_efs_file_system" "this" {
  creation_token   = var.name
  encrypted        = true
  kms_key_id       = module.kms["data"].key_arn
  performance_mode = "generalPurpose"
  throughput_mode  = "elastic"
  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }
  tags = merge({ Name = var.name }, local.tags)
}

data "aws_iam_policy_document" "files" {
  statement {
    sid       = "NonSecureTransport"
    effect    = "Deny"
    actions   = ["*"]
    resources = [aws_efs_file_system.this.arn]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
  statement {
    sid       = "Mounted"
    actions   = ["elasticfilesystem:ClientRootAccess", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientMount"]
    resources = [aws_efs_file_system.this.arn]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "elasticfilesystem:AccessedViaMountTarget"
      values   = ["true"]
    }
  }
}

resource "aws_efs_file_system_policy" "this" {
  file_system_id                     = aws_efs_file_system.this.id
  bypass_policy_lockout_safety_check = true
  policy                             = data.aws_iam_policy_document.files.json
}

resource "aws_efs_backup_policy" "this" {
  file_system_id = aws_efs_file_system.this.id
  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "this" {
  count           = length(local.azs)
  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = module.vpc.private_subnets[count.index]
  security_groups = [module.data_security_group["nfs"].id]
}

resource "aws_efs_access_point" "this" {
  for_each       = toset(["posix", "root"])
  file_system_id = aws_efs_file_system.this.id
  posix_user {
    gid            = 1001
    uid            = 1001
    secondary_gids = [1002]
  }
  root_directory {
    path = "/${each.value}"
    creation_info {
      owner_gid   = 1001
      owner_uid   = 1001
      permissions = "755"
    }
  }
  tags = local.tags
}

# Queues, events and schedules.
module "queue" {
  source   = "./modules/sqs"
  for_each = toset(["orders", "mails"])
  name     = "${var.name}-${each.key}"
  tags     = local.tags
}

resource "aws_cloudwatch_event_rule" "uploads" {
  name          = "${var.name}-uploads"
  description   = "Uploads to the bucket"
  event_pattern = jsonencode({ source = ["aws.s3"], detail = { bucket = { name = [module.bucket["uploads"].id] } } })
  tags          = local.tags
}

resource "aws_cloudwatch_event_target" "uploads" {
  rule      = aws_cloudwatch_event_rule.uploads.name
  target_id = "orders"
  arn       = module.queue["orders"].arn
  dead_letter_config {
    arn = module.queue["mails"].arn
  }
}

resource "aws_cloudwatch_event_target" "log" {
  rule      = aws_cloudwatch_event_rule.uploads.name
  target_id = "log"
  arn       = aws_cloudwatch_log_group.uploads.arn
}

resource "aws_cloudwatch_log_group" "uploads" {
  name              = "/aws/events/${var.name}-uploads"
  retention_in_days = 7
  tags              = local.tags
}

# Roles for OIDC and for people.
resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
  tags            = local.tags
}

data "aws_iam_policy_document" "github" {
  statement {
    sid     = "GithubOidcAuth"
    actions = ["sts:TagSession", "sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:example/shop:*"]
    }
  }
}

data "aws_iam_policy_document" "deploy" {
  statement {
    actions   = ["ecs:UpdateService", "ecs:DescribeServices", "ecs:RegisterTaskDefinition"]
    resources = ["*"]
  }
  statement {
    actions   = ["iam:PassRole"]
    resources = ["${local.arn}:iam::${local.account}:role/${var.name}-*"]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

module "github_role" {
  source             = "./modules/iam-role"
  for_each           = toset(["deploy", "plan"])
  name               = "${var.name}-github-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.github.json
  policies           = each.key == "deploy" ? { deploy = data.aws_iam_policy_document.deploy.json } : {}
  policy_arns = each.key == "deploy" ? {
    images = "${local.arn}:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"
  } : { read = "${local.arn}:iam::aws:policy/ReadOnlyAccess", review = "${local.arn}:iam::aws:policy/job-function/ViewOnlyAccess" }
  tags = local.tags
}

data "aws_iam_policy_document" "events" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "send" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [for queue in module.queue : queue.arn]
  }
}

module "scheduler_role" {
  source             = "./modules/iam-role"
  name               = "${var.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.events.json
  policies           = { send = data.aws_iam_policy_document.send.json }
  tags               = local.tags
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = local.tags
}

resource "aws_scheduler_schedule" "nightly" {
  name                = "${var.name}-nightly"
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = "cron(0 3 * * ? *)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = module.queue["mails"].arn
    role_arn = module.scheduler_role.arn
    input    = jsonencode({ stage = var.stage })
  }
}

# Alarms and dashboards of the load balancer.
resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = module.alb.target_group_suffixes
  alarm_name          = "${var.name}-${each.key}-errors"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  metric_name         = "HTTPCode_Target_5XX_Count"
  namespace           = "AWS/ApplicationELB"
  period              = 60
  statistic           = "Sum"
  threshold           = var.stage == "dev" ? 10 : 5
  treat_missing_data  = "notBreaching"
  dimensions          = { LoadBalancer = module.alb.arn_suffix, TargetGroup = each.value }
  tags                = local.tags
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [{
      type       = "metric"
      x          = 0
      y          = 0
      width      = 12
      height     = 6
      properties = { metrics = [["AWS/ECS", "CPUUtilization", "ClusterName", var.name]], region = data.aws_region.current.name, title = var.stage }
    }]
  })
}

output "endpoint" { value = module.alb.dns_name }
