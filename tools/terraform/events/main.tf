variable "minutes" {
  type    = number
  default = 5
}

provider "aws" {
  region                     = "eu-south-1"
  skip_metadata_api_check    = true
  skip_region_validation     = true
  skip_requesting_account_id = false
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "invoker" {
  name               = "invoker"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_cloudwatch_log_group" "events" {
  name = "/events"
}

resource "aws_ecs_cluster" "jobs" {
  name = "jobs"
}

resource "aws_ecs_task_definition" "job" {
  family                = "job"
  network_mode          = "awsvpc"
  cpu                   = "256"
  memory                = "512"
  container_definitions = jsonencode([{ name = "job", image = "busybox" }])
}

data "aws_subnets" "all" {}

resource "aws_cloudwatch_event_bus" "orders" {
  name = "orders"
  tags = { minutes = tostring(var.minutes) }
}

resource "aws_cloudwatch_event_rule" "orders" {
  name           = "orders"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  description    = "every ${var.minutes}"
  event_pattern  = jsonencode({ source = ["shop"], detail = { total = [{ numeric = [">", var.minutes] }] } })
}

resource "aws_cloudwatch_event_target" "orders" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "log"
  arn            = aws_cloudwatch_log_group.events.arn
  retry_policy {
    maximum_event_age_in_seconds = 60 * var.minutes
    maximum_retry_attempts       = 3
  }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = "rate(${var.minutes} minutes)"
  tags                = { minutes = tostring(var.minutes) }
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule     = aws_cloudwatch_event_rule.nightly.name
  arn      = aws_ecs_cluster.jobs.arn
  role_arn = aws_iam_role.invoker.arn
  input    = jsonencode({ containerOverrides = [{ name = "job", command = ["echo", tostring(var.minutes)] }] })
  ecs_target {
    task_definition_arn = aws_ecs_task_definition.job.arn
    launch_type         = "FARGATE"
    task_count          = 1
    network_configuration {
      subnets = [sort(data.aws_subnets.all.ids)[0]]
    }
  }
}

resource "aws_scheduler_schedule_group" "jobs" {
  name = "jobs"
  tags = { minutes = tostring(var.minutes) }
}

resource "aws_scheduler_schedule" "job" {
  name                         = "job"
  group_name                   = aws_scheduler_schedule_group.jobs.name
  schedule_expression          = "cron(${var.minutes} 3 * * ? *)"
  schedule_expression_timezone = "Europe/Berlin"
  kms_key_arn                  = data.aws_kms_alias.messages.target_key_arn
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = var.minutes
  }
  target {
    arn      = aws_ecs_cluster.jobs.arn
    role_arn = aws_iam_role.invoker.arn
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.job.arn
      launch_type         = "FARGATE"
      network_configuration {
        subnets = [sort(data.aws_subnets.all.ids)[0]]
      }
    }
  }
}
