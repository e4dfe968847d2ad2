# A VPC in the manner of the popular VPC modules: three zones with public, private and database subnets, every default
# resource managed, network ACLs, endpoints and flow logs.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region                      = "eu-south-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

variable "name" {
  default = "shop"
}

variable "stage" {
  default = "dev"
}

data "aws_availability_zones" "here" {
  state = "available"
}

data "aws_caller_identity" "me" {}

locals {
  zones    = slice(data.aws_availability_zones.here.names, 0, 3)
  public   = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
  private  = ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"]
  database = ["10.0.20.0/24", "10.0.21.0/24", "10.0.22.0/24"]
  intra    = ["10.0.30.0/24", "10.0.31.0/24", "10.0.32.0/24"]
  tags     = { Stage = var.stage, Name = var.name }
  # Rules as such modules number them.
  rules = {
    public_http  = { acl = "public", number = 100, egress = false, from = 80, to = 80, action = "allow" }
    public_https = { acl = "public", number = 110, egress = false, from = 443, to = 443, action = "allow" }
    public_back  = { acl = "public", number = 140, egress = false, from = 1024, to = 65535, action = "allow" }
    public_out   = { acl = "public", number = 100, egress = true, from = 0, to = 65535, action = "allow" }
    data_in      = { acl = "database", number = 100, egress = false, from = 3306, to = 3306, action = "allow" }
    data_out     = { acl = "database", number = 100, egress = true, from = 1024, to = 65535, action = "allow" }
    data_telnet  = { acl = "database", number = 90, egress = false, from = 23, to = 23, action = "deny" }
  }
}

resource "aws_vpc" "this" {
  cidr_block                           = "10.0.0.0/16"
  enable_dns_hostnames                 = true
  enable_dns_support                   = true
  enable_network_address_usage_metrics = var.stage != "dev"
  instance_tenancy                     = "default"
  tags                                 = local.tags
}

resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.1.0.0/16"
}

resource "aws_vpc_dhcp_options" "this" {
  domain_name         = "shop.internal"
  domain_name_servers = ["AmazonProvidedDNS"]
  ntp_servers         = ["169.254.169.123"]
  tags                = local.tags
}

resource "aws_vpc_dhcp_options_association" "this" {
  vpc_id          = aws_vpc.this.id
  dhcp_options_id = aws_vpc_dhcp_options.this.id
}

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
  dynamic "ingress" {
    for_each = var.stage == "dev" ? [] : [1]
    content {
      self      = true
      from_port = 0
      to_port   = 0
      protocol  = "-1"
    }
  }
}

resource "aws_default_network_acl" "this" {
  default_network_acl_id = aws_vpc.this.default_network_acl_id
  # Subnets are associated by the ACLs of their own below.
  ingress {
    protocol   = -1
    rule_no    = var.stage == "dev" ? 100 : 101
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  egress {
    protocol   = -1
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  tags = local.tags
  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_default_route_table" "this" {
  default_route_table_id = aws_vpc.this.default_route_table_id
  route                  = []
  tags                   = local.tags
}

resource "aws_subnet" "public" {
  count                                          = 3
  vpc_id                                         = aws_vpc.this.id
  cidr_block                                     = local.public[count.index]
  availability_zone                              = local.zones[count.index]
  map_public_ip_on_launch                        = var.stage != "dev"
  private_dns_hostname_type_on_launch            = "ip-name"
  enable_resource_name_dns_a_record_on_launch    = false
  enable_resource_name_dns_aaaa_record_on_launch = false
  assign_ipv6_address_on_creation                = false
  enable_dns64                                   = false
  tags                                           = merge(local.tags, { Tier = "public" })
}

resource "aws_subnet" "private" {
  count             = 3
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.private[count.index]
  availability_zone = local.zones[count.index]
  tags              = merge(local.tags, { Tier = "private" })
}

resource "aws_subnet" "database" {
  count             = 3
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.database[count.index]
  availability_zone = local.zones[count.index]
  tags              = merge(local.tags, { Tier = "database" })
}

resource "aws_subnet" "intra" {
  count             = 3
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.intra[count.index]
  availability_zone = local.zones[count.index]
  tags              = merge(local.tags, { Tier = "intra" })
}

resource "aws_subnet" "more" {
  vpc_id     = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  cidr_block = "10.1.0.0/24"
  tags       = local.tags
  depends_on = [aws_vpc_ipv4_cidr_block_association.more]
}

resource "aws_db_subnet_group" "database" {
  name       = var.name
  subnet_ids = aws_subnet.database[*].id
  tags       = local.tags
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

# One NAT gateway and one private route table for each zone.
resource "aws_eip" "nat" {
  count      = 3
  domain     = "vpc"
  tags       = local.tags
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  count         = 3
  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = local.tags
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "private" {
  connectivity_type = "private"
  subnet_id         = aws_subnet.private[0].id
  tags              = local.tags
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

resource "aws_route_table" "private" {
  count  = 3
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

# Subnets without a way out.
resource "aws_route_table" "intra" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Tier = "intra" })
}

resource "aws_route_table" "database" {
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
  timeouts {
    create = "5m"
  }
}

resource "aws_route" "nat" {
  count                  = 3
  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[count.index].id
}

resource "aws_route_table_association" "public" {
  count          = 3
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  count          = 3
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

resource "aws_route_table_association" "intra" {
  count          = 3
  subnet_id      = aws_subnet.intra[count.index].id
  route_table_id = aws_route_table.intra.id
}

resource "aws_route_table_association" "database" {
  count          = 3
  subnet_id      = aws_subnet.database[count.index].id
  route_table_id = aws_route_table.database.id
}

resource "aws_network_acl" "public" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = aws_subnet.public[*].id
  tags       = local.tags
}

resource "aws_network_acl" "database" {
  vpc_id     = aws_vpc.this.id
  subnet_ids = aws_subnet.database[*].id
  tags       = local.tags
}

resource "aws_network_acl_rule" "these" {
  for_each       = local.rules
  network_acl_id = each.value.acl == "public" ? aws_network_acl.public.id : aws_network_acl.database.id
  rule_number    = each.value.number
  egress         = each.value.egress
  protocol       = "tcp"
  rule_action    = each.value.action
  cidr_block     = "0.0.0.0/0"
  from_port      = each.value.from
  to_port        = each.value.to
}

resource "aws_network_acl_rule" "ping" {
  network_acl_id = aws_network_acl.public.id
  rule_number    = 300
  protocol       = "icmp"
  icmp_type      = 8
  icmp_code      = -1
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/8"
}

resource "aws_security_group" "endpoints" {
  name_prefix = "endpoints-"
  description = "HTTPS from the VPC"
  vpc_id      = aws_vpc.this.id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = aws_vpc.this.cidr_block
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.endpoints.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
}

resource "aws_vpc_security_group_ingress_rule" "offices" {
  security_group_id = aws_security_group.endpoints.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = var.stage == "dev" ? 443 : 444
  prefix_list_id    = aws_ec2_managed_prefix_list.offices.id
}

resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "${var.name}-offices"
  address_family = "IPv4"
  max_entries    = 5
  entry {
    cidr        = "192.0.2.0/24"
    description = var.stage
  }
  tags = local.tags
}

resource "aws_ec2_managed_prefix_list" "partners" {
  name           = "${var.name}-partners"
  address_family = "IPv4"
  max_entries    = 5
  lifecycle {
    ignore_changes = [entry]
  }
}

resource "aws_ec2_managed_prefix_list_entry" "partner" {
  cidr           = "198.51.100.0/24"
  description    = "partner"
  prefix_list_id = aws_ec2_managed_prefix_list.partners.id
}

data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}

data "aws_vpc_endpoint_service" "ecr" {
  service      = "ecr.dkr"
  service_type = "Interface"
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = data.aws_vpc_endpoint_service.s3.service_name
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = var.stage == "dev" ? "s3:*" : "s3:Get*", Resource = "*" }]
  })
  tags = local.tags
  lifecycle {
    ignore_changes = [route_table_ids]
  }
}

resource "aws_vpc_endpoint_route_table_association" "s3_database" {
  vpc_endpoint_id = aws_vpc_endpoint.s3.id
  route_table_id  = aws_route_table.database.id
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id       = aws_vpc.this.id
  service_name = "com.amazonaws.eu-south-1.dynamodb"
  tags         = local.tags
}

resource "aws_vpc_endpoint" "ecr" {
  vpc_id              = aws_vpc.this.id
  service_name        = data.aws_vpc_endpoint_service.ecr.service_name
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = var.stage == "dev" ? slice(aws_subnet.private[*].id, 0, 2) : aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints.id]
  tags                = local.tags
}

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.eu-south-1.s3"
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.eu-south-1.s3"
}

resource "aws_cloudwatch_log_group" "flows" {
  name = "/vpc/${var.name}/flows"
}

resource "aws_iam_role" "flows" {
  name = "${var.name}-flows"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "vpc-flow-logs.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "flows" {
  role = aws_iam_role.flows.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"], Resource = "*" }]
  })
}

resource "aws_flow_log" "logs" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flows.arn
  iam_role_arn             = aws_iam_role.flows.arn
  max_aggregation_interval = 60
  tags                     = local.tags
}

resource "aws_s3_bucket" "flows" {
  bucket        = "${var.name}-flow-logs"
  force_destroy = true
}

resource "aws_flow_log" "bucket" {
  subnet_id            = aws_subnet.public[0].id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = "${aws_s3_bucket.flows.arn}/public/"
  log_format           = "$${version} $${vpc-id} $${srcaddr} $${dstaddr} $${action} $${flow-direction}"
  destination_options {
    file_format                = "plain-text"
    hive_compatible_partitions = false
    per_hour_partition         = true
  }
  tags = local.tags
}

resource "aws_vpc" "other" {
  cidr_block = "10.50.0.0/16"
  tags       = { Name = "other" }
}

resource "aws_vpc_peering_connection" "other" {
  vpc_id      = aws_vpc.this.id
  peer_vpc_id = aws_vpc.other.id
  auto_accept = true
  tags        = local.tags
}

resource "aws_vpc_peering_connection_options" "other" {
  vpc_peering_connection_id = aws_vpc_peering_connection.other.id
  accepter {
    allow_remote_vpc_dns_resolution = var.stage == "dev"
  }
  requester {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_route" "peering" {
  route_table_id            = aws_route_table.private[0].id
  destination_cidr_block    = aws_vpc.other.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.other.id
}

resource "aws_route" "partners" {
  route_table_id             = aws_route_table.private[0].id
  destination_prefix_list_id = aws_ec2_managed_prefix_list.partners.id
  nat_gateway_id             = aws_nat_gateway.this[0].id
}

resource "aws_main_route_table_association" "other" {
  vpc_id         = aws_vpc.other.id
  route_table_id = aws_route_table.other.id
}

resource "aws_route_table" "other" {
  vpc_id = aws_vpc.other.id
}

resource "aws_subnet" "other" {
  vpc_id     = aws_vpc.other.id
  cidr_block = "10.50.0.0/24"
}

resource "aws_network_acl" "other" {
  vpc_id = aws_vpc.other.id
  ingress {
    protocol   = "tcp"
    rule_no    = 100
    action     = "allow"
    cidr_block = "10.0.0.0/16"
    from_port  = 443
    to_port    = var.stage == "dev" ? 443 : 444
  }
}

resource "aws_network_acl_association" "other" {
  network_acl_id = aws_network_acl.other.id
  subnet_id      = aws_subnet.other.id
}

resource "aws_network_interface" "own" {
  subnet_id       = aws_subnet.public[1].id
  security_groups = [aws_security_group.endpoints.id]
  description     = "spare ${var.stage}"
  private_ips     = ["10.0.1.50"]
  tags            = local.tags
}

resource "aws_eip" "own" {
  domain = "vpc"
}

resource "aws_eip_association" "own" {
  allocation_id        = aws_eip.own.id
  network_interface_id = aws_network_interface.own.id
}

resource "aws_vpc_block_public_access_options" "region" {
  internet_gateway_block_mode = var.stage == "dev" ? "off" : "block-ingress"
}

resource "aws_vpc_block_public_access_exclusion" "public" {
  subnet_id                       = aws_subnet.public[2].id
  internet_gateway_exclusion_mode = "allow-bidirectional"
}

# What a region has by itself.

resource "aws_default_vpc" "default" {
  enable_dns_hostnames = true
  tags                 = local.tags
}

resource "aws_default_subnet" "first" {
  availability_zone       = local.zones[0]
  map_public_ip_on_launch = true
  tags                    = local.tags
  depends_on              = [aws_default_vpc.default]
}

# The provider sets the tags of this resource with an update alone.
resource "aws_default_vpc_dhcp_options" "default" {
  tags = var.stage == "dev" ? {} : local.tags
}
