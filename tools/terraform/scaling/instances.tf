# Launch templates and Auto Scaling groups.

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_launch_template" "web" {
  name_prefix            = "web-"
  description            = "of ${var.maximum}"
  image_id               = nonsensitive(data.aws_ssm_parameter.image.value)
  instance_type          = "t3.micro"
  ebs_optimized          = true
  update_default_version = true
  user_data              = base64encode("#!/bin/sh\necho ${var.maximum}\n")

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size           = 10
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }
  credit_specification {
    cpu_credits = "standard"
  }
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "enabled"
  }
  monitoring {
    enabled = true
  }
  network_interfaces {
    associate_public_ip_address = true
    delete_on_termination       = true
    device_index                = 0
  }
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "web", Maximum = tostring(var.maximum) }
  }
  tag_specifications {
    resource_type = "volume"
    tags          = { Name = "web" }
  }
  tags = { team = "shop" }
}

data "aws_launch_template" "web" {
  name = aws_launch_template.web.name
}
