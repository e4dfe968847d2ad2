# EC2 instances and their volumes.

variable "stage" {
  type    = string
  default = "test"
}

variable "public_key" {
  type = string
}

provider "aws" {
  region                     = "eu-south-1"
  skip_metadata_api_check    = true
  skip_region_validation     = true
  skip_requesting_account_id = false
}

locals {
  is_test = var.stage == "test"
}

data "aws_ami" "linux" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-ami-2023*-x86_64"]
  }
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
  filter {
    name   = "availability-zone"
    values = ["eu-south-1a", "eu-south-1b"]
  }
}

resource "aws_key_pair" "this" {
  key_name   = "shop"
  public_key = var.public_key
  tags       = { stage = var.stage }
}

resource "aws_security_group" "this" {
  name        = "shop"
  description = "Of the shop's machines"
  vpc_id      = data.aws_vpc.default.id
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com", "autoscaling.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "shop-machine"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_instance_profile" "this" {
  name = "shop-machine"
  role = aws_iam_role.this.name
}

resource "aws_instance" "this" {
  ami                                  = data.aws_ami.linux.id
  instance_type                        = "t3.micro"
  availability_zone                    = "eu-south-1a"
  key_name                             = aws_key_pair.this.key_name
  vpc_security_group_ids               = [aws_security_group.this.id]
  iam_instance_profile                 = aws_iam_instance_profile.this.name
  monitoring                           = local.is_test
  ebs_optimized                        = true
  source_dest_check                    = !local.is_test
  disable_api_stop                     = local.is_test
  instance_initiated_shutdown_behavior = local.is_test ? "stop" : "terminate"
  user_data                            = "#!/bin/sh\necho ready\n"

  credit_specification {
    cpu_credits = local.is_test ? "standard" : "unlimited"
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = local.is_test ? 1 : 2
    instance_metadata_tags      = "enabled"
  }
  maintenance_options {
    auto_recovery = local.is_test ? "disabled" : "default"
  }
  root_block_device {
    volume_size = 9
    volume_type = "gp3"
    tags        = { Name = "root", stage = var.stage }
  }
  tags = { Name = "machine", stage = var.stage }

  depends_on = [aws_ebs_encryption_by_default.this]
}

# Further interfaces: one of the machine, and those of a router, which has none but given ones.
resource "aws_network_interface" "this" {
  for_each = toset(["spare", "outside", "inside"])

  subnet_id       = aws_instance.this.subnet_id
  security_groups = [aws_security_group.this.id]
  description     = "${each.key} of ${var.stage}"
  tags            = { Name = each.key, stage = var.stage }
}

resource "aws_network_interface_attachment" "this" {
  instance_id          = aws_instance.this.id
  network_interface_id = aws_network_interface.this["spare"].id
  device_index         = 1
}

resource "aws_placement_group" "this" {
  name            = "shop"
  strategy        = "partition"
  partition_count = 3
  tags            = { stage = var.stage }
}

resource "aws_instance" "router" {
  ami                        = data.aws_ami.linux.id
  instance_type              = "t3.micro"
  placement_group            = aws_placement_group.this.name
  placement_partition_number = 2
  tags                       = { Name = "router", stage = var.stage }

  network_interface {
    network_interface_id = aws_network_interface.this["outside"].id
    device_index         = 0
  }
  network_interface {
    network_interface_id = aws_network_interface.this["inside"].id
    device_index         = 1
  }
  depends_on = [aws_ebs_encryption_by_default.this]
}

# An image of the machine as it is.
resource "aws_ami_from_instance" "this" {
  name               = "shop"
  source_instance_id = aws_instance.this.id
  tags               = { stage = var.stage }
}

resource "aws_eip" "this" {
  domain = "vpc"
}

resource "aws_eip_association" "this" {
  allocation_id = aws_eip.this.allocation_id
  instance_id   = aws_instance.this.id
}

resource "aws_ebs_encryption_by_default" "this" {
  enabled = local.is_test
}

resource "aws_ebs_volume" "this" {
  availability_zone = "eu-south-1a"
  size              = local.is_test ? 1 : 2
  type              = "gp3"
  iops              = 3000
  throughput        = local.is_test ? 125 : 250
  encrypted         = true
  tags              = { Name = "data", stage = var.stage }
}

resource "aws_volume_attachment" "this" {
  device_name = "/dev/sdh"
  volume_id   = aws_ebs_volume.this.id
  instance_id = aws_instance.this.id
}

resource "aws_ebs_snapshot" "this" {
  volume_id   = aws_ebs_volume.this.id
  description = "Of the data"
  tags        = { stage = var.stage }
}

resource "aws_ssm_document" "this" {
  name            = "shop-restart"
  document_type   = "Command"
  document_format = "YAML"
  target_type     = "/AWS::EC2::Instance"
  content         = <<-TEXT
    schemaVersion: "2.2"
    description: "Restarts the ${var.stage} shop"
    mainSteps:
      - action: aws:runShellScript
        name: restart
        inputs:
          runCommand:
            - systemctl restart shop
  TEXT
  tags            = { stage = var.stage }
}

data "aws_instances" "this" {
  instance_tags = { Name = "machine" }
  depends_on    = [aws_instance.this]
}

data "aws_ebs_volume" "this" {
  most_recent = true
  filter {
    name   = "volume-id"
    values = [aws_ebs_volume.this.id]
  }
}

data "aws_ebs_snapshot_ids" "this" {
  owners = ["self"]
  filter {
    name   = "volume-id"
    values = [aws_ebs_volume.this.id]
  }
  depends_on = [aws_ebs_snapshot.this]
}
