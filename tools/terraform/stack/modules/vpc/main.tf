# A VPC of three zones with public, private, database and intra subnets, each with a route table and a network ACL of its
# own; every default resource is managed. In the manner of the popular VPC module.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "cidr" { type = string }
variable "secondary_cidr_blocks" {
  type    = list(string)
  default = []
}
variable "azs" { type = list(string) }
variable "public_subnets" { type = list(string) }
variable "private_subnets" { type = list(string) }
variable "database_subnets" { type = list(string) }
variable "intra_subnets" { type = list(string) }
variable "interface_endpoints" { type = set(string) }
variable "flow_log_bucket_arn" { type = string }
variable "tags" { type = map(string) }

data "aws_region" "current" {}
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  public_rules = {
    inbound_http  = { number = 100, egress = false, from = 80, to = 80 }
    inbound_https = { number = 110, egress = false, from = 443, to = 443 }
    inbound_back  = { number = 120, egress = false, from = 1024, to = 65535 }
    outbound_all  = { number = 100, egress = true, from = 0, to = 65535 }
  }
  private_rules = {
    inbound_vpc  = { number = 100, egress = false, from = 0, to = 65535 }
    outbound_all = { number = 100, egress = true, from = 0, to = 65535 }
  }
  database_rules = {
    inbound_mysql = { number = 100, egress = false, from = 3306, to = 3306 }
    inbound_nfs   = { number = 110, egress = false, from = 2049, to = 2049 }
    outbound_back = { number = 100, egress = true, from = 1024, to = 65535 }
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  instance_tenancy     = "default"
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge({ Name = var.name }, var.tags)
}

resource "aws_vpc_ipv4_cidr_block_association" "this" {
  count      = length(var.secondary_cidr_blocks)
  vpc_id     = aws_vpc.this.id
  cidr_block = element(var.secondary_cidr_blocks, count.index)
}

resource "aws_vpc_dhcp_options" "this" {
  domain_name         = "${var.name}.internal"
  domain_name_servers = ["AmazonProvidedDNS"]
  tags                = merge({ Name = var.name }, var.tags)
}

resource "aws_vpc_dhcp_options_association" "this" {
  vpc_id          = aws_vpc.this.id
  dhcp_options_id = aws_vpc_dhcp_options.this.id
}

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = "${var.name}-default" }, var.tags)
}

resource "aws_default_network_acl" "this" {
  default_network_acl_id = aws_vpc.this.default_network_acl_id
  ingress {
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    protocol   = "-1"
    rule_no    = 100
    to_port    = 0
  }
  egress {
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    protocol   = "-1"
    rule_no    = 100
    to_port    = 0
  }
  tags = merge({ Name = "${var.name}-default" }, var.tags)
  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_default_route_table" "default" {
  default_route_table_id = aws_vpc.this.default_route_table_id
  timeouts {
    create = "5m"
    update = "5m"
  }
  tags = merge({ Name = "${var.name}-default" }, var.tags)
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = var.name }, var.tags)
}

resource "aws_subnet" "public" {
  count                   = length(var.public_subnets)
  vpc_id                  = aws_vpc.this.id
  availability_zone       = element(var.azs, count.index)
  cidr_block              = element(var.public_subnets, count.index)
  map_public_ip_on_launch = false
  tags                    = merge({ Name = format("%s-public-%s", var.name, element(var.azs, count.index)) }, var.tags)
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = "${var.name}-public" }, var.tags)
}

resource "aws_route_table_association" "public" {
  count          = length(var.public_subnets)
  subnet_id      = element(aws_subnet.public[*].id, count.index)
  route_table_id = aws_route_table.public.id
}

resource "aws_route" "public_internet_gateway" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
  timeouts {
    create = "5m"
  }
}

resource "aws_network_acl" "public" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = aws_subnet.public[*].id
  tags       = merge({ Name = "${var.name}-public" }, var.tags)
}

resource "aws_network_acl_rule" "public" {
  for_each       = local.public_rules
  network_acl_id = aws_network_acl.public.id
  egress         = each.value.egress
  rule_number    = each.value.number
  rule_action    = "allow"
  from_port      = each.value.from
  to_port        = each.value.to
  protocol       = "tcp"
  cidr_block     = "0.0.0.0/0"
}

resource "aws_subnet" "private" {
  count             = length(var.private_subnets)
  vpc_id            = aws_vpc.this.id
  availability_zone = element(var.azs, count.index)
  cidr_block        = element(var.private_subnets, count.index)
  tags              = merge({ Name = format("%s-private-%s", var.name, element(var.azs, count.index)) }, var.tags)
}

resource "aws_route_table" "private" {
  count  = length(var.private_subnets)
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = format("%s-private-%s", var.name, element(var.azs, count.index)) }, var.tags)
}

resource "aws_route_table_association" "private" {
  count          = length(var.private_subnets)
  subnet_id      = element(aws_subnet.private[*].id, count.index)
  route_table_id = element(aws_route_table.private[*].id, count.index)
}

resource "aws_network_acl" "private" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = aws_subnet.private[*].id
  tags       = merge({ Name = "${var.name}-private" }, var.tags)
}

resource "aws_network_acl_rule" "private" {
  for_each       = local.private_rules
  network_acl_id = aws_network_acl.private.id
  egress         = each.value.egress
  rule_number    = each.value.number
  rule_action    = "allow"
  from_port      = 0
  to_port        = 0
  protocol       = "-1"
  cidr_block     = "0.0.0.0/0"
}

resource "aws_subnet" "database" {
  count             = length(var.database_subnets)
  vpc_id            = aws_vpc.this.id
  availability_zone = element(var.azs, count.index)
  cidr_block        = element(var.database_subnets, count.index)
  tags              = merge({ Name = format("%s-db-%s", var.name, element(var.azs, count.index)) }, var.tags)
}

resource "aws_db_subnet_group" "database" {
  name        = lower(var.name)
  description = "Database subnet group for ${var.name}"
  subnet_ids  = aws_subnet.database[*].id
  tags        = merge({ Name = lower(var.name) }, var.tags)
}

resource "aws_route_table" "database" {
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = "${var.name}-db" }, var.tags)
}

resource "aws_route_table_association" "database" {
  count          = length(var.database_subnets)
  subnet_id      = element(aws_subnet.database[*].id, count.index)
  route_table_id = aws_route_table.database.id
}

resource "aws_network_acl" "database" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = aws_subnet.database[*].id
  tags       = merge({ Name = "${var.name}-db" }, var.tags)
}

resource "aws_network_acl_rule" "database" {
  for_each       = local.database_rules
  network_acl_id = aws_network_acl.database.id
  egress         = each.value.egress
  rule_number    = each.value.number
  rule_action    = "allow"
  from_port      = each.value.from
  to_port        = each.value.to
  protocol       = "tcp"
  cidr_block     = var.cidr
}

resource "aws_subnet" "intra" {
  count             = length(var.intra_subnets)
  vpc_id            = aws_vpc.this.id
  availability_zone = element(var.azs, count.index)
  cidr_block        = element(var.intra_subnets, count.index)
  tags              = merge({ Name = format("%s-intra-%s", var.name, element(var.azs, count.index)) }, var.tags)
}

resource "aws_route_table" "intra" {
  vpc_id = aws_vpc.this.id
  tags   = merge({ Name = "${var.name}-intra" }, var.tags)
}

resource "aws_route_table_association" "intra" {
  count          = length(var.intra_subnets)
  subnet_id      = element(aws_subnet.intra[*].id, count.index)
  route_table_id = aws_route_table.intra.id
}

# One NAT gateway in each zone.
resource "aws_eip" "nat" {
  count      = length(var.public_subnets)
  domain     = "vpc"
  tags       = merge({ Name = format("%s-%s", var.name, element(var.azs, count.index)) }, var.tags)
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  count         = length(var.public_subnets)
  allocation_id = element(aws_eip.nat[*].id, count.index)
  subnet_id     = element(aws_subnet.public[*].id, count.index)
  tags          = merge({ Name = format("%s-%s", var.name, element(var.azs, count.index)) }, var.tags)
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route" "private_nat_gateway" {
  count                  = length(var.public_subnets)
  route_table_id         = element(aws_route_table.private[*].id, count.index)
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = element(aws_nat_gateway.this[*].id, count.index)
  timeouts {
    create = "5m"
  }
}

# Endpoints.
data "aws_vpc_endpoint_service" "interface" {
  for_each     = var.interface_endpoints
  service      = each.value
  service_type = "Interface"
}

data "aws_vpc_endpoint_service" "s3" {
  service = "s3"
  filter {
    name   = "service-type"
    values = ["Gateway"]
  }
}

resource "aws_security_group" "endpoints" {
  name_prefix            = "${var.name}-endpoints-"
  description            = "VPC endpoint security group"
  vpc_id                 = aws_vpc.this.id
  revoke_rules_on_delete = true
  tags                   = merge({ Name = "${var.name}-endpoints" }, var.tags)
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from VPC"
  type              = "ingress"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = [var.cidr]
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = var.interface_endpoints
  vpc_id              = aws_vpc.this.id
  service_name        = data.aws_vpc_endpoint_service.interface[each.value].service_name
  vpc_endpoint_type   = "Interface"
  security_group_ids  = [aws_security_group.endpoints.id]
  subnet_ids          = aws_subnet.private[*].id
  private_dns_enabled = true
  tags                = merge({ Name = "${var.name}-${each.value}" }, var.tags)
  timeouts {
    create = "10m"
    update = "10m"
    delete = "10m"
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = data.aws_vpc_endpoint_service.s3.service_name
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat(aws_route_table.private[*].id, [aws_route_table.intra.id, aws_route_table.public.id])
  policy            = data.aws_iam_policy_document.endpoint.json
  tags              = merge({ Name = "${var.name}-s3" }, var.tags)
}

data "aws_iam_policy_document" "endpoint" {
  statement {
    effect    = "Allow"
    actions   = ["s3:*"]
    resources = ["*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceVpc"
      values   = [aws_vpc.this.id]
    }
  }
}

# Flow logs to CloudWatch Logs and to a bucket.
resource "aws_cloudwatch_log_group" "flow_log" {
  name              = "/aws/vpc-flow-log/${aws_vpc.this.id}"
  retention_in_days = 14
  tags              = var.tags
}

data "aws_iam_policy_document" "flow_log_assume_role" {
  statement {
    sid     = "AWSVPCFlowLogsAssumeRole"
    effect  = "Allow"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:vpc-flow-log/*"]
    }
  }
}

data "aws_iam_policy_document" "flow_log" {
  statement {
    sid       = "AWSVPCFlowLogsPushToCloudWatch"
    effect    = "Allow"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.flow_log.arn}:*"]
  }
}

resource "aws_iam_role" "flow_log" {
  name_prefix        = "vpc-flow-log-role-"
  assume_role_policy = data.aws_iam_policy_document.flow_log_assume_role.json
  tags               = var.tags
}

resource "aws_iam_policy" "flow_log" {
  name_prefix = "vpc-flow-log-to-cloudwatch-"
  policy      = data.aws_iam_policy_document.flow_log.json
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "flow_log" {
  role       = aws_iam_role.flow_log.name
  policy_arn = aws_iam_policy.flow_log.arn
}

resource "aws_flow_log" "cloudwatch" {
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flow_log.arn
  iam_role_arn             = aws_iam_role.flow_log.arn
  traffic_type             = "ALL"
  vpc_id                   = aws_vpc.this.id
  max_aggregation_interval = 60
  tags                     = var.tags
}

resource "aws_flow_log" "s3" {
  log_destination_type = "s3"
  log_destination      = var.flow_log_bucket_arn
  traffic_type         = "REJECT"
  vpc_id               = aws_vpc.this.id
  tags                 = var.tags
  destination_options {
    file_format        = "plain-text"
    per_hour_partition = true
  }
}

output "vpc_id" { value = aws_vpc.this.id }
output "vpc_cidr_block" { value = aws_vpc.this.cidr_block }
output "public_subnets" { value = aws_subnet.public[*].id }
output "private_subnets" { value = aws_subnet.private[*].id }
output "database_subnets" { value = aws_subnet.database[*].id }
output "database_subnet_group_name" { value = aws_db_subnet_group.database.name }
