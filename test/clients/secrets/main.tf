# Every resource type of KMS, Secrets Manager and Parameter Store, with the data sources that stacks read.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "description" {
  default = "one"
}

# The endpoint and the credentials are in the environment.
provider "aws" {
  skip_metadata_api_check = true
}

data "aws_caller_identity" "me" {}

resource "aws_iam_role" "app" {
  name = "app"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }] })
}

resource "aws_kms_key" "main" {
  description = var.description
  deletion_window_in_days = 7
  enable_key_rotation = true
  tags = { env = var.description }
}

resource "aws_kms_key" "sign" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage = "SIGN_VERIFY"
  description = "signs"
}

resource "aws_kms_alias" "main" {
  name = "alias/main"
  target_key_id = aws_kms_key.main.key_id
}

resource "aws_kms_grant" "app" {
  name = "app"
  key_id = aws_kms_key.main.key_id
  grantee_principal = aws_iam_role.app.arn
  operations = ["Decrypt", "Encrypt"]
  constraints {
    encryption_context_equals = { Department = "Finance" }
  }
}

resource "aws_kms_key_policy" "sign" {
  key_id = aws_kms_key.sign.id
  policy = jsonencode({ Version = "2012-10-17", Id = "x", Statement = [{ Sid = "root", Effect = "Allow", Action = "kms:*", Resource = "*", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" } }] })
}

resource "aws_secretsmanager_secret" "db" {
  name = "db"
  description = var.description
  kms_key_id = aws_kms_key.main.arn
  recovery_window_in_days = 0
  tags = { env = var.description }
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ password = var.description })
}

resource "aws_secretsmanager_secret_policy" "db" {
  secret_arn = aws_secretsmanager_secret.db.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "app", Effect = "Allow", Principal = { AWS = aws_iam_role.app.arn }, Action = "secretsmanager:GetSecretValue", Resource = "*" }] })
}

resource "aws_ssm_parameter" "plain" {
  name = "/app/url"
  type = "String"
  value = "http://${var.description}"
  tags = { env = var.description }
}

resource "aws_ssm_parameter" "hidden" {
  name = "/app/token"
  type = "SecureString"
  key_id = aws_kms_key.main.arn
  value = var.description
}

data "aws_kms_alias" "s3" { name = "alias/aws/s3" }

data "aws_kms_key" "main" { key_id = aws_kms_alias.main.name }

data "aws_kms_public_key" "sign" { key_id = aws_kms_key.sign.id }

data "aws_secretsmanager_secret_version" "db" {
  secret_id = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_version.db]
}

data "aws_secretsmanager_random_password" "p" { password_length = 20 }

data "aws_ssm_parameter" "hidden" { name = aws_ssm_parameter.hidden.name }

data "aws_ssm_parameters_by_path" "app" {
  path = "/app"
  depends_on = [aws_ssm_parameter.hidden, aws_ssm_parameter.plain]
}
