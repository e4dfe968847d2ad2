# A role for a service with attached and inline policies, in the manner of the popular IAM modules.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "assume_role_policy" { type = string }
variable "policy_arns" {
  type    = map(string)
  default = {}
}
variable "policies" {
  type    = map(string)
  default = {}
}
variable "tags" { type = map(string) }

resource "aws_iam_role" "this" {
  name                  = var.name
  path                  = "/"
  description           = "The role ${var.name}"
  max_session_duration  = 3600
  force_detach_policies = true
  assume_role_policy    = var.assume_role_policy
  tags                  = var.tags
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each   = var.policy_arns
  role       = aws_iam_role.this.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "this" {
  for_each = var.policies
  name     = each.key
  role     = aws_iam_role.this.id
  policy   = each.value
}

output "arn" { value = aws_iam_role.this.arn }
output "name" { value = aws_iam_role.this.name }
