# A new version starts beside the old one, gets a tenth of the traffic for five minutes and then all of it. An alarm or
# a failure sends the traffic back.

resource "aws_codedeploy_app" "main" {
  name             = var.name
  compute_platform = "ECS"
}

resource "aws_codedeploy_deployment_group" "main" {
  app_name               = aws_codedeploy_app.main.name
  deployment_group_name  = var.name
  deployment_config_name = var.deployment_config
  service_role_arn       = aws_iam_role.code_deploy.arn

  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout = "CONTINUE_DEPLOYMENT"
    }

    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.keep_minutes
    }
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]
  }

  alarm_configuration {
    enabled = true
    alarms  = [for alarm in aws_cloudwatch_metric_alarm.errors : alarm.alarm_name]
  }

  ecs_service {
    cluster_name = aws_ecs_cluster.main.name
    service_name = aws_ecs_service.app.name
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [aws_lb_listener.https.arn]
      }

      test_traffic_route {
        listener_arns = [aws_lb_listener.test.arn]
      }

      dynamic "target_group" {
        for_each = aws_lb_target_group.app

        content {
          name = target_group.value.name
        }
      }
    }
  }

  depends_on = [aws_iam_role_policy_attachment.code_deploy]
}
