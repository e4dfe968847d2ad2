locals {
  managed_policies = "arn:${data.aws_partition.current.partition}:iam::aws:policy"
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["codedeploy", "ec2", "ecs-tasks"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "Pulls the website's image and writes its log"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks"].json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "${local.managed_policies}/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "database_password" {
  name = "database-password"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = aws_secretsmanager_secret.database.arn
    }]
  })
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "What the website may do"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks"].json
}

data "aws_iam_policy_document" "files" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.files.arn]
  }

  statement {
    sid       = "ReadAndWrite"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.files.arn}/*"]
  }
}

resource "aws_iam_policy" "files" {
  name        = "${var.name}-files"
  description = "The website's bucket"
  policy      = data.aws_iam_policy_document.files.json
}

resource "aws_iam_role_policy_attachment" "task_files" {
  role       = aws_iam_role.task.name
  policy_arn = aws_iam_policy.files.arn
}

resource "aws_iam_role_policy" "task_mount" {
  name = "mount"
  role = aws_iam_role.task.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"]
      Resource = aws_efs_file_system.files.arn
    }]
  })
}

resource "aws_iam_role" "code_deploy" {
  name               = "${var.name}-code-deploy"
  description        = "Rolls new versions of the website out"
  assume_role_policy = data.aws_iam_policy_document.assume["codedeploy"].json
}

resource "aws_iam_role_policy_attachment" "code_deploy" {
  role       = aws_iam_role.code_deploy.name
  policy_arn = "${local.managed_policies}/AWSCodeDeployRoleForECS"
}

resource "aws_iam_role" "bastion" {
  name               = "${var.name}-bastion"
  description        = "Pushes images of the website"
  assume_role_policy = data.aws_iam_policy_document.assume["ec2"].json
}

resource "aws_iam_role_policy_attachment" "bastion" {
  role       = aws_iam_role.bastion.name
  policy_arn = "${local.managed_policies}/AmazonEC2ContainerRegistryPowerUser"
}

resource "aws_iam_instance_profile" "bastion" {
  name = "${var.name}-bastion"
  role = aws_iam_role.bastion.name
}
