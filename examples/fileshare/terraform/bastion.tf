# The one machine that people sign in to. It pushes images, and reaches the database.

data "aws_ssm_parameter" "amazon_linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_key_pair" "bastion" {
  key_name   = "${var.name}-bastion"
  public_key = var.bastion_public_key
}

resource "aws_instance" "bastion" {
  ami                    = data.aws_ssm_parameter.amazon_linux.insecure_value
  instance_type          = "t3.small"
  subnet_id              = aws_subnet.public[0].id
  vpc_security_group_ids = [aws_security_group.bastion.id]
  key_name               = aws_key_pair.bastion.key_name
  iam_instance_profile   = aws_iam_instance_profile.bastion.name

  metadata_options {
    http_tokens = "required"
  }

  root_block_device {
    encrypted   = true
    volume_size = 8
    volume_type = "gp3"
  }

  tags        = { Name = "${var.name}-bastion" }
  volume_tags = { Name = "${var.name}-bastion" }

  # A newer image does not replace the machine, and the provider does not read the volume tags of an imported one.
  lifecycle {
    ignore_changes = [ami, volume_tags]
  }
}

resource "aws_eip" "bastion" {
  domain   = "vpc"
  instance = aws_instance.bastion.id

  tags = { Name = "${var.name}-bastion" }

  depends_on = [aws_internet_gateway.main]
}
