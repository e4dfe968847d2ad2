variable "idle" {
  type    = number
  default = 60
}
variable "vpc" { type = string }
variable "subnets" { type = string }
variable "certificates" { type = string }

provider "aws" {
  region                  = "eu-south-1"
  skip_metadata_api_check = true
  skip_region_validation  = true
  s3_use_path_style       = true
}

locals {
  subnets      = split(",", var.subnets)
  certificates = split(",", var.certificates)
}

resource "aws_lb" "web" {
  name                                        = "web"
  subnets                                     = local.subnets
  idle_timeout                                = var.idle
  client_keep_alive                           = 600
  desync_mitigation_mode                      = "strictest"
  drop_invalid_header_fields                  = true
  enable_http2                                = true
  enable_tls_version_and_cipher_suite_headers = true
  enable_waf_fail_open                        = true
  enable_xff_client_port                      = true
  enable_zonal_shift                          = true
  preserve_host_header                        = true
  xff_header_processing_mode                  = "preserve"
  access_logs {
    bucket  = "balancer-logs"
    prefix  = "web"
    enabled = true
  }
  connection_logs {
    bucket  = "balancer-logs"
    prefix  = "web"
    enabled = true
  }
  minimum_load_balancer_capacity {
    capacity_units = var.idle * 10
  }
  tags = { idle = var.idle }
}

resource "aws_eip" "flows" {
  domain = "vpc"
}

resource "aws_lb" "flows" {
  name                             = "flows"
  load_balancer_type               = "network"
  enable_cross_zone_load_balancing = var.idle > 60
  dns_record_client_routing_policy = "availability_zone_affinity"
  subnet_mapping {
    subnet_id     = local.subnets[0]
    allocation_id = aws_eip.flows.id
  }
}

resource "aws_lb_target_group" "web" {
  name                          = "web"
  port                          = 80
  protocol                      = "HTTP"
  vpc_id                        = var.vpc
  target_type                   = "ip"
  deregistration_delay          = var.idle
  load_balancing_algorithm_type = "weighted_random"
  stickiness {
    type            = "app_cookie"
    cookie_name     = "session"
    cookie_duration = 3600
  }
  health_check {
    path    = "/up"
    matcher = "200-299"
  }
}

resource "aws_lb_target_group" "instances" {
  name       = "instances"
  port       = 80
  protocol   = "HTTP"
  vpc_id     = var.vpc
  slow_start = var.idle
}

resource "aws_lb_target_group" "flows" {
  name                   = "flows"
  port                   = 5432
  protocol               = "TCP"
  vpc_id                 = var.vpc
  target_type            = "ip"
  proxy_protocol_v2      = var.idle > 60
  preserve_client_ip     = var.idle > 60
  connection_termination = true
  target_health_state {
    enable_unhealthy_connection_termination = false
    unhealthy_draining_interval             = var.idle
  }
  stickiness {
    type    = "source_ip"
    enabled = true
  }
  health_check {
    protocol = "TCP"
    interval = 10
  }
}

# The default of preserve_client_ip depends on the target type.
resource "aws_lb_target_group" "flows_of_instances" {
  name     = "flows-of-instances"
  port     = 5432
  protocol = "TCP"
  vpc_id   = var.vpc
}

resource "aws_lb_target_group" "flows_to_balancer" {
  name        = "flows-to-balancer"
  port        = 80
  protocol    = "TCP"
  vpc_id      = var.vpc
  target_type = "alb"
}

resource "aws_lb_target_group_attachment" "outside" {
  target_group_arn  = aws_lb_target_group.web.arn
  target_id         = "10.99.0.7"
  availability_zone = "all"
  port              = 8080
}

resource "aws_lb_trust_store" "clients" {
  name                             = "clients"
  ca_certificates_bundle_s3_bucket = "balancer-trust"
  ca_certificates_bundle_s3_key    = "ca.pem"
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = local.certificates[0]
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  mutual_authentication {
    mode                             = "verify"
    trust_store_arn                  = aws_lb_trust_store.clients.arn
    ignore_client_certificate_expiry = true
    advertise_trust_store_ca_names   = var.idle > 60 ? "on" : "off"
  }
  routing_http_response_server_enabled                                = false
  routing_http_response_strict_transport_security_header_value        = "max-age=${var.idle}"
  routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name = "x-serial"
  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.web.arn
        weight = var.idle
      }
      target_group {
        arn    = aws_lb_target_group.instances.arn
        weight = 1
      }
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
}

resource "aws_lb_listener_certificate" "default" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = local.certificates[0]
}

resource "aws_lb_listener_certificate" "other" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = local.certificates[1]
}

resource "aws_lb_listener_rule" "admin" {
  listener_arn = aws_lb_listener.https.arn
  priority     = var.idle
  condition {
    host_header {
      values = ["admin.test", "*.admin.test"]
    }
  }
  condition {
    http_header {
      http_header_name = "x-team"
      values           = ["ops"]
    }
  }
  action {
    type = "redirect"
    redirect {
      status_code = "HTTP_302"
      host        = "ops.test"
    }
  }
}

resource "aws_lb_listener" "flows" {
  load_balancer_arn        = aws_lb.flows.arn
  port                     = 5432
  protocol                 = "TCP"
  tcp_idle_timeout_seconds = var.idle * 10
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.flows.arn
  }
}

resource "aws_lb_listener" "tls" {
  load_balancer_arn = aws_lb.flows.arn
  port              = 8443
  protocol          = "TLS"
  alpn_policy       = var.idle > 60 ? "HTTP2Preferred" : "HTTP1Only"
  certificate_arn   = local.certificates[0]
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.flows.arn
  }
}

# The load balancer of flows is offered to other VPCs.
resource "aws_vpc_endpoint_service" "flows" {
  acceptance_required        = true
  network_load_balancer_arns = [aws_lb.flows.arn]
  tags                       = { idle = var.idle }
}

resource "aws_vpc_endpoint_service_allowed_principal" "flows" {
  vpc_endpoint_service_id = aws_vpc_endpoint_service.flows.id
  principal_arn           = "arn:aws:iam::111111111111:root"
}

resource "aws_vpc_endpoint" "flows" {
  vpc_id            = var.vpc
  service_name      = aws_vpc_endpoint_service.flows.service_name
  vpc_endpoint_type = "Interface"
  subnet_ids        = [local.subnets[0]]
}

resource "aws_vpc_endpoint_connection_accepter" "flows" {
  vpc_endpoint_service_id = aws_vpc_endpoint_service.flows.id
  vpc_endpoint_id         = aws_vpc_endpoint.flows.id
}

resource "aws_sns_topic" "flows" {
  name = "flows"
}

resource "aws_vpc_endpoint_connection_notification" "flows" {
  vpc_endpoint_service_id     = aws_vpc_endpoint_service.flows.id
  connection_notification_arn = aws_sns_topic.flows.arn
  connection_events           = var.idle > 60 ? ["Accept", "Reject"] : ["Accept"]
}
