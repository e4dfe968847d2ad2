# A key with a policy of statements and aliases, in the manner of the popular KMS module.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "description" { type = string }
variable "aliases" { type = set(string) }
variable "key_service_principals" {
  type    = list(string)
  default = []
}
variable "tags" { type = map(string) }

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "Default"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
  dynamic "statement" {
    for_each = length(var.key_service_principals) > 0 ? [1] : []
    content {
      sid       = "Services"
      actions   = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = var.key_service_principals
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description                        = var.description
  bypass_policy_lockout_safety_check = false
  customer_master_key_spec           = "SYMMETRIC_DEFAULT"
  key_usage                          = "ENCRYPT_DECRYPT"
  deletion_window_in_days            = 7
  enable_key_rotation                = true
  rotation_period_in_days            = 180
  is_enabled                         = true
  multi_region                       = false
  policy                             = data.aws_iam_policy_document.this.json
  tags                               = var.tags
}

resource "aws_kms_alias" "this" {
  for_each      = var.aliases
  name          = "alias/${each.value}"
  target_key_id = aws_kms_key.this.key_id
}

output "key_arn" { value = aws_kms_key.this.arn }
output "key_id" { value = aws_kms_key.this.key_id }
