# Identities and what belongs to an account: every resource type of IAM that stacks around ECS use.
variable "marker" {
  type    = string
  default = "one"
}

variable "session_hours" {
  type    = number
  default = 1
}

provider "aws" {
  region                     = "eu-south-1"
  skip_metadata_api_check    = true
  skip_region_validation     = true
  skip_requesting_account_id = false
}

locals {
  assets = "${path.module}/assets"
}

data "aws_caller_identity" "self" {}

data "aws_iam_session_context" "self" {
  arn = data.aws_caller_identity.self.arn
}

data "aws_iam_policy" "by_name" {
  name = "AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy" "by_arn" {
  arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

data "aws_iam_policy_document" "web" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:acme/site:*"]
    }
  }
}

resource "aws_iam_account_alias" "this" {
  account_alias = "acme-staff"
}

resource "aws_iam_account_password_policy" "this" {
  minimum_password_length        = var.marker == "one" ? 12 : 14
  require_symbols                = true
  require_numbers                = true
  require_uppercase_characters   = true
  require_lowercase_characters   = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 5
}

resource "aws_iam_openid_connect_provider" "github" {
  url             = "https://token.actions.githubusercontent.com"
  client_id_list  = var.marker == "one" ? ["sts.amazonaws.com"] : ["sts.amazonaws.com", "other"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
  tags            = { marker = var.marker }
}

resource "aws_iam_saml_provider" "staff" {
  name                   = "staff"
  saml_metadata_document = file("${local.assets}/metadata.xml")
  tags                   = { marker = var.marker }
}

resource "aws_iam_service_linked_role" "scaling" {
  aws_service_name = "ecs.application-autoscaling.amazonaws.com"
  description      = "Scales services, ${var.marker}"
}

resource "aws_iam_role" "deploy" {
  name                 = "deploy"
  path                 = "/ci/"
  description          = "Deploys, ${var.marker}"
  max_session_duration = var.session_hours * 3600
  assume_role_policy   = data.aws_iam_policy_document.web.json
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
  tags                 = { marker = var.marker }
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each   = toset([data.aws_iam_policy.by_name.arn, data.aws_iam_policy.by_arn.arn, "arn:aws:iam::aws:policy/AWSCodeDeployRoleForECS"])
  role       = aws_iam_role.deploy.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "deploy" {
  name   = "inline"
  role   = aws_iam_role.deploy.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::${var.marker}/*" }] })
}

resource "aws_iam_policy" "own" {
  name        = "own"
  description = "Reads"
  policy      = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:Get*", Resource = "arn:aws:s3:::${var.marker}/*" }] })
  tags        = { marker = var.marker }
}

resource "aws_iam_instance_profile" "host" {
  name = "host"
  role = aws_iam_role.deploy.name
  tags = { marker = var.marker }
}

resource "aws_iam_group" "staff" {
  name = "staff"
  path = "/${var.marker}/"
}

resource "aws_iam_group_policy_attachment" "staff" {
  group      = aws_iam_group.staff.name
  policy_arn = aws_iam_policy.own.arn
}

resource "aws_iam_group_policy" "staff" {
  name   = "inline"
  group  = aws_iam_group.staff.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:List*", Resource = "arn:aws:s3:::${var.marker}" }] })
}

resource "aws_iam_user" "ada" {
  name          = "ada"
  force_destroy = true
  tags          = { marker = var.marker }
}

resource "aws_iam_user_group_membership" "ada" {
  user   = aws_iam_user.ada.name
  groups = [aws_iam_group.staff.name]
}

resource "aws_iam_user_policy_attachment" "ada" {
  user       = aws_iam_user.ada.name
  policy_arn = "arn:aws:iam::aws:policy/IAMUserChangePassword"
}

resource "aws_iam_user_policy" "ada" {
  name   = "inline"
  user   = aws_iam_user.ada.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:Get*", Resource = "arn:aws:s3:::${var.marker}/*" }] })
}

resource "aws_iam_access_key" "ada" {
  user   = aws_iam_user.ada.name
  status = var.marker == "one" ? "Active" : "Inactive"
}

resource "aws_iam_user_login_profile" "ada" {
  user                    = aws_iam_user.ada.name
  password_length         = 24
  password_reset_required = true
  depends_on              = [aws_iam_account_password_policy.this]
  lifecycle {
    ignore_changes = [password_length, password_reset_required, pgp_key]
  }
}

resource "aws_iam_user_ssh_key" "ada" {
  username   = aws_iam_user.ada.name
  encoding   = "SSH"
  public_key = file("${local.assets}/key.pub")
  status     = var.marker == "one" ? "Active" : "Inactive"
}

resource "aws_iam_server_certificate" "shop" {
  name             = "shop"
  path             = "/shop/"
  certificate_body = file("${local.assets}/server.crt")
  private_key      = file("${local.assets}/server.key")
  tags             = { marker = var.marker }
  lifecycle {
    # A key is never returned, so that an import does not find it.
    ignore_changes = [private_key]
  }
}

resource "aws_iam_security_token_service_preferences" "this" {
  global_endpoint_token_version = var.marker == "one" ? "v1Token" : "v2Token"
}

resource "aws_iam_virtual_mfa_device" "ada" {
  virtual_mfa_device_name = "ada"
  tags                    = { marker = var.marker }
}
