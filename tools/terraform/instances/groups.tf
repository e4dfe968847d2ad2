# Auto Scaling groups.

resource "aws_launch_template" "this" {
  name                   = "shop"
  image_id               = data.aws_ami.linux.id
  instance_type          = "t3.micro"
  key_name               = aws_key_pair.this.key_name
  vpc_security_group_ids = [aws_security_group.this.id]
  user_data              = base64encode("#!/bin/sh\necho ${var.stage}\n")

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }
  monitoring {
    enabled = true
  }
  depends_on = [aws_ebs_encryption_by_default.this]
}

resource "aws_lb_target_group" "this" {
  for_each = toset(["web", "admin"])

  name     = "shop-${each.key}"
  port     = 80
  protocol = "HTTP"
  vpc_id   = data.aws_vpc.default.id

  deregistration_delay = 0
}

resource "aws_sns_topic" "this" {
  name = "shop-groups"
}

resource "aws_autoscaling_group" "this" {
  name                      = "shop"
  min_size                  = 1
  max_size                  = local.is_test ? 3 : 4
  desired_capacity          = 2
  vpc_zone_identifier       = data.aws_subnets.default.ids
  target_group_arns         = [aws_lb_target_group.this["web"].arn]
  health_check_type         = "EC2"
  health_check_grace_period = local.is_test ? 60 : 90
  default_cooldown          = local.is_test ? 60 : 90
  default_instance_warmup   = local.is_test ? 30 : 45
  max_instance_lifetime     = local.is_test ? 86400 : 172800
  termination_policies      = ["OldestLaunchTemplate", local.is_test ? "OldestInstance" : "Default"]
  enabled_metrics           = ["GroupDesiredCapacity", local.is_test ? "GroupInServiceInstances" : "GroupTotalInstances"]
  suspended_processes       = local.is_test ? ["AZRebalance"] : []
  capacity_rebalance        = local.is_test
  force_delete              = true

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = local.is_test ? 100 : 50
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.this.id
        version            = aws_launch_template.this.latest_version
      }
      override {
        instance_type = "t3.micro"
      }
      override {
        instance_type     = "t3a.micro"
        weighted_capacity = "1"
      }
    }
  }
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 50
      instance_warmup        = 0
      skip_matching          = true
    }
    triggers = ["tag"]
  }
  tag {
    key                 = "Name"
    value               = "shop"
    propagate_at_launch = true
  }
  tag {
    key                 = "stage"
    value               = var.stage
    propagate_at_launch = local.is_test
  }
  lifecycle {
    ignore_changes = [target_group_arns]
  }
}

# A group whose instances a lifecycle hook meets from the beginning.
resource "aws_autoscaling_group" "small" {
  name                = "shop-small"
  min_size            = 0
  max_size            = 1
  vpc_zone_identifier = data.aws_subnets.default.ids

  launch_template {
    id      = aws_launch_template.this.id
    version = "$Latest"
  }
  initial_lifecycle_hook {
    name                 = "prepare"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 30
    default_result       = "CONTINUE"
  }
  dynamic "instance_maintenance_policy" {
    for_each = local.is_test ? [1] : []
    content {
      min_healthy_percentage = 90
      max_healthy_percentage = 120
    }
  }
  lifecycle {
    ignore_changes = [tag]
  }
}

resource "aws_autoscaling_attachment" "this" {
  autoscaling_group_name = aws_autoscaling_group.this.name
  lb_target_group_arn    = aws_lb_target_group.this["admin"].arn
}

resource "aws_autoscaling_group_tag" "this" {
  autoscaling_group_name = aws_autoscaling_group.small.name
  tag {
    key                 = "stage"
    value               = var.stage
    propagate_at_launch = false
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value     = local.is_test ? 50 : 60
    disable_scale_in = !local.is_test
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

resource "aws_autoscaling_policy" "queue" {
  name                      = "queue"
  autoscaling_group_name    = aws_autoscaling_group.this.name
  policy_type               = "TargetTrackingScaling"
  estimated_instance_warmup = 30
  enabled                   = local.is_test

  target_tracking_configuration {
    target_value = 100
    customized_metric_specification {
      metrics {
        id          = "share"
        expression  = "depth / size"
        label       = "messages for each instance"
        return_data = true
      }
      metrics {
        id          = "depth"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/SQS"
            metric_name = "ApproximateNumberOfMessagesVisible"
            dimensions {
              name  = "QueueName"
              value = "orders"
            }
          }
        }
      }
      metrics {
        id          = "size"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "AWS/AutoScaling"
            metric_name = "GroupInServiceInstances"
            dimensions {
              name  = "AutoScalingGroupName"
              value = aws_autoscaling_group.this.name
            }
          }
        }
      }
    }
  }
}

resource "aws_autoscaling_policy" "step" {
  name                    = "step"
  autoscaling_group_name  = aws_autoscaling_group.this.name
  policy_type             = "StepScaling"
  adjustment_type         = "PercentChangeInCapacity"
  metric_aggregation_type = local.is_test ? "Average" : "Maximum"

  min_adjustment_magnitude = 1

  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 20
    scaling_adjustment          = local.is_test ? 10 : 20
  }
  step_adjustment {
    metric_interval_lower_bound = 20
    scaling_adjustment          = 50
  }
}

resource "aws_autoscaling_policy" "simple" {
  name                   = "simple"
  autoscaling_group_name = aws_autoscaling_group.this.name
  adjustment_type        = "ChangeInCapacity"
  scaling_adjustment     = -1
  cooldown               = local.is_test ? 60 : 120
}

resource "aws_cloudwatch_metric_alarm" "busy" {
  alarm_name          = "shop-busy"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.this.name }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 2
  threshold           = local.is_test ? 80 : 90
  comparison_operator = "GreaterThanOrEqualToThreshold"
  alarm_actions       = [aws_autoscaling_policy.step.arn]
  ok_actions          = [aws_autoscaling_policy.simple.arn]
}

resource "aws_autoscaling_schedule" "night" {
  scheduled_action_name  = "night"
  autoscaling_group_name = aws_autoscaling_group.this.name
  recurrence             = local.is_test ? "0 22 * * *" : "0 23 * * 1-5"
  time_zone              = "Europe/Berlin"
  min_size               = 1
  max_size               = -1
  desired_capacity       = 1
}

resource "aws_autoscaling_schedule" "once" {
  scheduled_action_name  = "once"
  autoscaling_group_name = aws_autoscaling_group.this.name
  start_time             = "2099-01-01T06:00:00Z"
  end_time               = "2099-01-01T18:00:00Z"
  min_size               = 0
  max_size               = local.is_test ? 3 : 4
  desired_capacity       = 2
}

resource "aws_autoscaling_lifecycle_hook" "this" {
  name                    = "drain"
  autoscaling_group_name  = aws_autoscaling_group.this.name
  lifecycle_transition    = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout       = local.is_test ? 30 : 60
  default_result          = local.is_test ? "CONTINUE" : "ABANDON"
  notification_target_arn = aws_sns_topic.this.arn
  role_arn                = aws_iam_role.this.arn
  notification_metadata   = jsonencode({ stage = var.stage })
}

resource "aws_autoscaling_notification" "this" {
  group_names = [aws_autoscaling_group.this.name, aws_autoscaling_group.small.name]
  topic_arn   = aws_sns_topic.this.arn
  notifications = concat(
    ["autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"],
    local.is_test ? [] : ["autoscaling:EC2_INSTANCE_LAUNCH_ERROR"],
  )
}

data "aws_autoscaling_group" "this" {
  name = aws_autoscaling_group.this.name
}

data "aws_autoscaling_groups" "this" {
  filter {
    name   = "tag:Name"
    values = ["shop"]
  }
  depends_on = [aws_autoscaling_group.this]
}
