# A security group with its rules, in the manner of the popular security group module.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "description" { type = string }
variable "vpc_id" { type = string }
variable "tags" { type = map(string) }
variable "ingress_with_cidr_blocks" {
  type    = map(object({ from = number, to = number, protocol = string, cidr_blocks = string }))
  default = {}
}
variable "ingress_with_source_security_group_id" {
  type    = map(object({ from = number, to = number, protocol = string, source = string }))
  default = {}
}

resource "aws_security_group" "this" {
  name_prefix            = "${var.name}-"
  description            = var.description
  vpc_id                 = var.vpc_id
  revoke_rules_on_delete = false
  tags                   = merge({ Name = var.name }, var.tags)
  lifecycle {
    create_before_destroy = true
  }
  timeouts {
    create = "10m"
    delete = "15m"
  }
}

resource "aws_security_group_rule" "ingress_with_cidr_blocks" {
  for_each          = var.ingress_with_cidr_blocks
  security_group_id = aws_security_group.this.id
  type              = "ingress"
  description       = each.key
  from_port         = each.value.from
  to_port           = each.value.to
  protocol          = each.value.protocol
  cidr_blocks       = split(",", each.value.cidr_blocks)
}

resource "aws_security_group_rule" "ingress_with_source_security_group_id" {
  for_each                 = var.ingress_with_source_security_group_id
  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  description              = each.key
  from_port                = each.value.from
  to_port                  = each.value.to
  protocol                 = each.value.protocol
  source_security_group_id = each.value.source
}

resource "aws_security_group_rule" "ingress_with_self" {
  security_group_id = aws_security_group.this.id
  type              = "ingress"
  description       = "self"
  from_port         = 0
  to_port           = 0
  protocol          = "-1"
  self              = true
}

resource "aws_security_group_rule" "egress" {
  security_group_id = aws_security_group.this.id
  type              = "egress"
  from_port         = 0
  to_port           = 0
  protocol          = "-1"
  cidr_blocks       = ["0.0.0.0/0"]
}

output "id" { value = aws_security_group.this.id }
