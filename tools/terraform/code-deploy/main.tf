variable "minutes" {
  type    = number
  default = 5
}

variable "listener" {
  type = string
}

variable "test_listener" {
  type = string
}

variable "role" {
  type = string
}

variable "target_group" {
  type = string
}

variable "subnets" {
  type = list(string)
}

provider "aws" {
  region                      = "eu-south-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = false
}

resource "aws_codedeploy_app" "web" {
  name             = "web"
  compute_platform = "ECS"
  tags             = { minutes = var.minutes }
}

# A deployment configuration cannot be changed: it is replaced.
resource "aws_codedeploy_deployment_config" "canary" {
  deployment_config_name = "canary-of-20"
  compute_platform       = "ECS"

  traffic_routing_config {
    type = "TimeBasedCanary"
    time_based_canary {
      percentage = 20
      interval   = 10
    }
  }
}

resource "aws_codedeploy_deployment_config" "linear" {
  deployment_config_name = "linear-of-25"
  compute_platform       = "ECS"

  traffic_routing_config {
    type = "TimeBasedLinear"
    time_based_linear {
      percentage = 25
      interval   = 1
    }
  }
}

resource "aws_sns_topic" "deployments" {
  name = "deployments"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "errors"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
}

# CodeDeploy changes the task definition and the target group. Services of the controller EXTERNAL and their task sets are in ../ecs.
# Version 5.100 of the provider has no argument for the strategies BLUE_GREEN, CANARY and LINEAR of the controller ECS.
resource "aws_ecs_service" "web" {
  name                              = "web"
  cluster                           = "shop"
  task_definition                   = "web:1"
  desired_count                     = 0
  health_check_grace_period_seconds = var.minutes

  deployment_controller {
    type = "CODE_DEPLOY"
  }

  load_balancer {
    target_group_arn = var.target_group
    container_name   = "web"
    container_port   = 80
  }

  network_configuration {
    subnets = var.subnets
  }

  lifecycle {
    ignore_changes = [task_definition, load_balancer]
  }
}

resource "aws_codedeploy_deployment_group" "web" {
  app_name               = aws_codedeploy_app.web.name
  deployment_group_name  = "web"
  deployment_config_name = var.minutes == 5 ? aws_codedeploy_deployment_config.canary.id : aws_codedeploy_deployment_config.linear.id
  service_role_arn       = var.role

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]
  }

  trigger_configuration {
    trigger_name       = "failures"
    trigger_target_arn = aws_sns_topic.deployments.arn
    trigger_events     = var.minutes == 5 ? ["DeploymentFailure", "DeploymentStop"] : ["DeploymentFailure"]
  }

  alarm_configuration {
    enabled = true
    alarms  = [aws_cloudwatch_metric_alarm.errors.alarm_name]
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout    = "STOP_DEPLOYMENT"
      wait_time_in_minutes = var.minutes
    }
    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.minutes
    }
  }

  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  ecs_service {
    cluster_name = "shop"
    service_name = aws_ecs_service.web.name
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [var.listener]
      }
      test_traffic_route {
        listener_arns = [var.test_listener]
      }
      target_group {
        name = "blue"
      }
      target_group {
        name = "green"
      }
    }
  }
}
