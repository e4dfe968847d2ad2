# A service with its task definition, roles, security group, logs and auto scaling, in the manner of the popular ECS module.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "cluster_arn" { type = string }
variable "cluster_name" { type = string }
variable "vpc_id" { type = string }
variable "subnets" { type = list(string) }
variable "image" { type = string }
variable "command" { type = list(string) }
variable "desired_count" { type = number }
variable "capacity_provider" { type = string }
variable "target_group_arn" {
  type    = string
  default = null
}
variable "balanced" { type = bool }
variable "load_balancer_security_group_id" { type = string }
variable "secrets" { type = map(string) }
variable "secret_arns" { type = list(string) }
variable "parameter_arns" { type = list(string) }
variable "kms_key_arn" { type = string }
variable "wait" { type = bool }
variable "tags" { type = map(string) }

data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(["app", "sidecar"])
  name              = "/aws/ecs/${var.name}/${each.value}"
  retention_in_days = 30
  tags              = var.tags
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "ECSTasksAssumeRole"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:*"]
    }
  }
}

resource "aws_iam_role" "task_exec" {
  name_prefix           = "${var.name}-exec-"
  description           = "Task execution role for ${var.name}"
  assume_role_policy    = data.aws_iam_policy_document.assume.json
  force_detach_policies = true
  tags                  = var.tags
}

data "aws_iam_policy_document" "task_exec" {
  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["*"]
  }
  statement {
    sid = "ECR"
    actions = [
      "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
    ]
    resources = ["*"]
  }
  statement {
    sid       = "GetSSMParams"
    actions   = ["ssm:GetParameters"]
    resources = var.parameter_arns
  }
  statement {
    sid       = "GetSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns
  }
  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_policy" "task_exec" {
  name_prefix = "${var.name}-exec-"
  description = "Task execution role IAM policy"
  policy      = data.aws_iam_policy_document.task_exec.json
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "task_exec" {
  role       = aws_iam_role.task_exec.name
  policy_arn = aws_iam_policy.task_exec.arn
}

resource "aws_iam_role" "tasks" {
  name_prefix           = "${var.name}-tasks-"
  assume_role_policy    = data.aws_iam_policy_document.assume.json
  force_detach_policies = true
  tags                  = var.tags
}

data "aws_iam_policy_document" "tasks" {
  statement {
    sid = "ECSExec"
    actions = [
      "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "tasks" {
  name_prefix = "${var.name}-tasks-"
  policy      = data.aws_iam_policy_document.tasks.json
  role        = aws_iam_role.tasks.id
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.task_exec.arn
  task_role_arn            = aws_iam_role.tasks.arn
  skip_destroy             = false
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  volume {
    name = "shared"
  }
  container_definitions = jsonencode([
    {
      name                   = "app"
      image                  = var.image
      command                = var.command
      essential              = true
      cpu                    = 128
      memory                 = 256
      memoryReservation      = 128
      readonlyRootFilesystem = true
      environment            = [{ name = "SERVICE", value = var.name }]
      secrets                = [for name, value in var.secrets : { name = name, valueFrom = value }]
      portMappings           = [{ name = "http", containerPort = 8080, hostPort = 8080, protocol = "tcp" }]
      mountPoints            = [{ sourceVolume = "shared", containerPath = "/shared", readOnly = false }]
      dependsOn              = [{ containerName = "sidecar", condition = "START" }]
      linuxParameters        = { initProcessEnabled = true }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this["app"].name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = "ecs"
        }
      }
    },
    {
      name        = "sidecar"
      image       = var.image
      command     = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
      essential   = false
      user        = "0"
      mountPoints = [{ sourceVolume = "shared", containerPath = "/shared", readOnly = true }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this["sidecar"].name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = "ecs"
        }
      }
    },
  ])
  tags = var.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Security group for ${var.name}"
  vpc_id      = var.vpc_id
  tags        = merge({ Name = var.name }, var.tags)
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "ingress" {
  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  description              = "Service port"
  protocol                 = "tcp"
  from_port                = 8080
  to_port                  = 8080
  source_security_group_id = var.load_balancer_security_group_id
}

resource "aws_security_group_rule" "egress" {
  security_group_id = aws_security_group.this.id
  type              = "egress"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_ecs_service" "this" {
  name                               = var.name
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.desired_count
  deployment_maximum_percent         = 200
  deployment_minimum_healthy_percent = 66
  enable_ecs_managed_tags            = true
  enable_execute_command             = true
  health_check_grace_period_seconds  = var.balanced ? 30 : null
  platform_version                   = "LATEST"
  propagate_tags                     = "SERVICE"
  scheduling_strategy                = "REPLICA"
  wait_for_steady_state              = var.wait
  capacity_provider_strategy {
    base              = 0
    capacity_provider = var.capacity_provider
    weight            = 100
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  deployment_controller {
    type = "ECS"
  }
  dynamic "load_balancer" {
    for_each = var.balanced ? [1] : []
    content {
      container_name   = "app"
      container_port   = 8080
      target_group_arn = var.target_group_arn
    }
  }
  network_configuration {
    assign_public_ip = false
    security_groups  = [aws_security_group.this.id]
    subnets          = var.subnets
  }
  tags = var.tags
  timeouts {
    delete = "5m"
  }
  lifecycle {
    ignore_changes = [desired_count]
  }
  depends_on = [aws_iam_role_policy_attachment.task_exec]
}

resource "aws_appautoscaling_target" "this" {
  min_capacity       = var.desired_count
  max_capacity       = 4
  resource_id        = "service/${var.cluster_name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  service_namespace  = "ecs"
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "this" {
  for_each           = { cpu = "ECSServiceAverageCPUUtilization", memory = "ECSServiceAverageMemoryUtilization" }
  name               = each.key
  policy_type        = "TargetTrackingScaling"
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  target_tracking_scaling_policy_configuration {
    target_value       = 75
    scale_in_cooldown  = 300
    scale_out_cooldown = 60
    predefined_metric_specification {
      predefined_metric_type = each.value
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "${var.name}-cpu-high"
  alarm_description   = "CPU of ${var.name}"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  metric_name         = "CPUUtilization"
  namespace           = "AWS/ECS"
  period              = 60
  statistic           = "Average"
  threshold           = 90
  treat_missing_data  = "notBreaching"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = aws_ecs_service.this.name }
  tags                = var.tags
}

output "security_group_id" { value = aws_security_group.this.id }
output "service_name" { value = aws_ecs_service.this.name }
output "task_role_arn" { value = aws_iam_role.tasks.arn }
