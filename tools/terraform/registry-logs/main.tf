variable "revision" {
  type    = string
  default = "1"
}

provider "aws" {
  region                  = "eu-south-1"
  skip_metadata_api_check = true
  skip_region_validation  = true
}

data "aws_caller_identity" "own" {}

locals {
  account  = data.aws_caller_identity.own.account_id
  days     = var.revision == "1" ? 7 : 14
  registry = "arn:aws:ecr:eu-south-1:${local.account}:repository"
}

resource "aws_kms_key" "own" {
  deletion_window_in_days = 7
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { AWS = "arn:aws:iam::${local.account}:root" }, Action = "kms:*", Resource = "*" },
      {
        Effect    = "Allow"
        Principal = { Service = "logs.eu-south-1.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
      },
    ]
  })
}

resource "aws_ecr_repository" "app" {
  name                 = "shop/app"
  image_tag_mutability = var.revision == "1" ? "MUTABLE" : "IMMUTABLE"
  force_delete         = true
  image_scanning_configuration {
    scan_on_push = var.revision != "1"
  }
  tags = { revision = var.revision }
}

resource "aws_ecr_repository" "sealed" {
  name = "shop/sealed"
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.own.arn
  }
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "Pull${var.revision}"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
  }
}

resource "aws_ecr_repository_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy     = data.aws_iam_policy_document.pull.json
}

data "aws_ecr_lifecycle_policy_document" "app" {
  rule {
    priority    = 1
    selection {
      tag_status   = "untagged"
      count_type   = "imageCountMoreThan"
      count_number = 3
    }
  }
}

resource "aws_ecr_lifecycle_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy     = data.aws_ecr_lifecycle_policy_document.app.json
}

resource "aws_ecr_registry_policy" "own" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Replicate${var.revision}"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = ["ecr:ReplicateImage", "ecr:CreateRepository"]
      Resource  = ["${local.registry}/*"]
    }]
  })
}

resource "aws_ecr_registry_scanning_configuration" "own" {
  scan_type = "BASIC"
  rule {
    scan_frequency = "SCAN_ON_PUSH"
    repository_filter {
      filter      = "shop${var.revision}*"
      filter_type = "WILDCARD"
    }
  }
}

resource "aws_ecr_replication_configuration" "own" {
  replication_configuration {
    rule {
      destination {
        region      = "eu-west-1"
        registry_id = local.account
      }
      repository_filter {
        filter      = "shop${var.revision}"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}

resource "aws_secretsmanager_secret" "hub" {
  name                    = "ecr-pullthroughcache/hub"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret" "other" {
  name                    = "ecr-pullthroughcache/other"
  recovery_window_in_days = 0
}

resource "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = "hub"
  upstream_registry_url = "registry-1.docker.io"
  credential_arn        = var.revision == "1" ? aws_secretsmanager_secret.hub.arn : aws_secretsmanager_secret.other.arn
}

resource "aws_ecr_repository_creation_template" "hub" {
  prefix               = "hub"
  description          = "revision ${var.revision}"
  applied_for          = ["PULL_THROUGH_CACHE"]
  image_tag_mutability = "IMMUTABLE"
  repository_policy    = data.aws_iam_policy_document.pull.json
  lifecycle_policy     = data.aws_ecr_lifecycle_policy_document.app.json
  encryption_configuration {
    encryption_type = "AES256"
  }
  resource_tags = { from = "hub" }
}

resource "aws_ecr_account_setting" "scan" {
  name  = "BASIC_SCAN_TYPE_VERSION"
  value = var.revision == "1" ? "AWS_NATIVE" : "CLAIR"
}

data "aws_ecr_authorization_token" "own" {}

data "aws_ecr_repository" "app" {
  name       = aws_ecr_repository.app.name
  depends_on = [aws_ecr_repository_policy.app]
}

data "aws_ecr_repositories" "all" {
  depends_on = [aws_ecr_repository.app]
}

data "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = aws_ecr_pull_through_cache_rule.hub.ecr_repository_prefix
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/shop/app"
  retention_in_days = local.days
  kms_key_id        = aws_kms_key.own.arn
  tags              = { revision = var.revision }
}

resource "aws_cloudwatch_log_group" "rare" {
  name            = "/shop/rare"
  log_group_class = "INFREQUENT_ACCESS"
}

resource "aws_cloudwatch_log_stream" "app" {
  name           = "boot"
  log_group_name = aws_cloudwatch_log_group.app.name
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "{ $.level = \"error${var.revision}\" && $.latency > 5 }"
  metric_transformation {
    name       = "Errors"
    namespace  = "Shop"
    value      = "$.latency"
    unit       = "Milliseconds"
    dimensions = { Path = "$.path" }
  }
}

resource "aws_cloudwatch_log_metric_filter" "count" {
  name           = "count"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = ""
  metric_transformation {
    name          = "Lines"
    namespace     = "Shop"
    value         = var.revision
    default_value = "0"
  }
}

resource "aws_cloudwatch_log_subscription_filter" "alarm" {
  name            = "alarm"
  log_group_name  = aws_cloudwatch_log_group.app.name
  filter_pattern  = "FATAL${var.revision}"
  destination_arn = "arn:aws:lambda:eu-south-1:${local.account}:function:alarm"
}

data "aws_iam_policy_document" "deliver" {
  statement {
    sid       = "Deliver${var.revision}"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:eu-south-1:${local.account}:log-group:/shop/*"]
    principals {
      type        = "Service"
      identifiers = ["es.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "deliver" {
  policy_name     = "deliver"
  policy_document = data.aws_iam_policy_document.deliver.json
}

resource "aws_cloudwatch_query_definition" "slow" {
  name            = "shop/slow"
  log_group_names = [aws_cloudwatch_log_group.app.name]
  query_string    = "fields @timestamp, @message | limit ${local.days}"
}

resource "aws_iam_role" "stream" {
  name = "log-stream"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "logs.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_cloudwatch_log_destination" "stream" {
  name       = "stream"
  role_arn   = aws_iam_role.stream.arn
  target_arn = "arn:aws:kinesis:eu-south-1:${local.account}:stream/logs${var.revision}"
}

resource "aws_cloudwatch_log_destination_policy" "stream" {
  destination_name = aws_cloudwatch_log_destination.stream.name
  access_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Send${var.revision}"
      Effect    = "Allow"
      Principal = { AWS = "111111111111" }
      Action    = "logs:PutSubscriptionFilter"
      Resource  = aws_cloudwatch_log_destination.stream.arn
    }]
  })
}

data "aws_cloudwatch_log_group" "app" {
  name       = aws_cloudwatch_log_group.app.name
  depends_on = [aws_cloudwatch_log_stream.app]
}

data "aws_cloudwatch_log_groups" "all" {
  log_group_name_prefix = "/shop"
  depends_on            = [aws_cloudwatch_log_group.app, aws_cloudwatch_log_group.rare]
}
