# A load balancer with listeners, rules and target groups, in the manner of the popular ALB module.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "name" { type = string }
variable "vpc_id" { type = string }
variable "vpc_cidr_block" { type = string }
variable "subnets" { type = list(string) }
variable "log_bucket" { type = string }
variable "certificate_arn" { type = string }
variable "additional_certificate_arn" { type = string }
variable "target_groups" { type = set(string) }
variable "path_rules" { type = map(object({ priority = number, group = string, paths = list(string) })) }
variable "tags" { type = map(string) }

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-"
  description = "Security group for ${var.name}"
  vpc_id      = var.vpc_id
  tags        = var.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each          = { http = 80, https = 443 }
  security_group_id = aws_security_group.this.id
  description       = each.key
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_ipv4         = "0.0.0.0/0"
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "this" {
  security_group_id = aws_security_group.this.id
  ip_protocol       = "-1"
  cidr_ipv4         = var.vpc_cidr_block
  tags              = var.tags
}

resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  security_groups            = [aws_security_group.this.id]
  subnets                    = var.subnets
  enable_deletion_protection = false
  drop_invalid_header_fields = true
  idle_timeout               = 60
  access_logs {
    bucket  = var.log_bucket
    prefix  = var.name
    enabled = true
  }
  tags = var.tags
  timeouts {
    create = "10m"
  }
}

resource "aws_lb_target_group" "this" {
  for_each             = var.target_groups
  name                 = "${var.name}-${each.value}"
  vpc_id               = var.vpc_id
  protocol             = "HTTP"
  port                 = 8080
  target_type          = "ip"
  deregistration_delay = 5
  health_check {
    enabled             = true
    healthy_threshold   = 2
    interval            = 10
    matcher             = "200-399"
    path                = "/"
    port                = "traffic-port"
    protocol            = "HTTP"
    timeout             = 5
    unhealthy_threshold = 2
  }
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 3600
    enabled         = false
  }
  tags = var.tags
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
  tags = var.tags
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "Not here"
      status_code  = "404"
    }
  }
  tags = var.tags
}

resource "aws_lb_listener_certificate" "https" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = var.additional_certificate_arn
}

resource "aws_lb_listener_rule" "paths" {
  for_each     = var.path_rules
  listener_arn = aws_lb_listener.https.arn
  priority     = each.value.priority
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value.group].arn
  }
  condition {
    path_pattern {
      values = each.value.paths
    }
  }
  tags = merge({ Name = each.key }, var.tags)
}

resource "aws_lb_listener_rule" "weighted" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 200
  action {
    type = "forward"
    forward {
      dynamic "target_group" {
        for_each = var.target_groups
        content {
          arn    = aws_lb_target_group.this[target_group.value].arn
          weight = 1
        }
      }
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
  condition {
    host_header {
      values = ["*.shop.test"]
    }
  }
  condition {
    http_header {
      http_header_name = "x-canary"
      values           = ["on", "yes*"]
    }
  }
  tags = var.tags
}

resource "aws_lb_listener_rule" "fixed" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 300
  action {
    type = "fixed-response"
    fixed_response {
      content_type = "application/json"
      message_body = "{}"
      status_code  = "503"
    }
  }
  condition {
    query_string {
      key   = "maintenance"
      value = "true"
    }
  }
  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }
  condition {
    source_ip {
      values = ["192.0.2.0/24", "198.51.100.10/32"]
    }
  }
  tags = var.tags
}

resource "aws_lb_listener_rule" "redirect" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 400
  action {
    type = "redirect"
    redirect {
      host        = "www.#{host}"
      path        = "/new/#{path}"
      query       = "#{query}&from=old"
      status_code = "HTTP_302"
    }
  }
  condition {
    path_pattern {
      values = ["/old", "/old/*"]
    }
  }
  tags = var.tags
}

output "arn" { value = aws_lb.this.arn }
output "arn_suffix" { value = aws_lb.this.arn_suffix }
output "dns_name" { value = aws_lb.this.dns_name }
output "security_group_id" { value = aws_security_group.this.id }
output "listener_arn" { value = aws_lb_listener.https.arn }
# A service may only use a target group that a load balancer has.
output "target_groups" {
  value      = { for name, group in aws_lb_target_group.this : name => group.arn }
  depends_on = [aws_lb_listener_rule.paths]
}
output "target_group_suffixes" { value = { for name, group in aws_lb_target_group.this : name => group.arn_suffix } }
