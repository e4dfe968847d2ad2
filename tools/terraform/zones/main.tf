provider "aws" {
  region                      = "eu-south-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = false
}

resource "aws_vpc" "first" {
  cidr_block = "10.20.0.0/16"
}

resource "aws_vpc" "second" {
  cidr_block = "10.21.0.0/16"
}

resource "aws_route53_zone" "public" {
  name = "shop.example"
  tags = { team = "shop" }
}

resource "aws_route53_zone" "private" {
  name    = "corp.example"
  comment = "The company's own names"

  vpc {
    vpc_id = aws_vpc.first.id
  }

  lifecycle {
    ignore_changes = [vpc]
  }
}

resource "aws_route53_zone_association" "second" {
  zone_id = aws_route53_zone.private.zone_id
  vpc_id  = aws_vpc.second.id
}

data "aws_route53_zone" "public" {
  zone_id = aws_route53_zone.public.zone_id
}

output "name_servers" {
  value = data.aws_route53_zone.public.name_servers
}

resource "aws_route53_record" "www" {
  zone_id = aws_route53_zone.public.zone_id
  name    = "www"
  type    = "A"
  ttl     = 60
  records = ["192.0.2.1", "192.0.2.2"]
}

resource "aws_route53_record" "wildcard" {
  zone_id = aws_route53_zone.public.zone_id
  name    = "*.shop.example"
  type    = "CNAME"
  ttl     = 60
  records = ["www.shop.example"]
}

resource "aws_route53_record" "apex" {
  zone_id = aws_route53_zone.public.zone_id
  name    = "shop.example"
  type    = "A"

  alias {
    name                   = aws_route53_record.www.fqdn
    zone_id                = aws_route53_zone.public.zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "blue" {
  zone_id        = aws_route53_zone.private.zone_id
  name           = "app.corp.example"
  type           = "TXT"
  ttl            = 60
  set_identifier = "blue"
  records        = ["v=1; plain text"]

  weighted_routing_policy {
    weight = 10
  }
}

resource "aws_route53_health_check" "web" {
  type              = "HTTPS"
  fqdn              = "www.shop.example"
  port              = 8443
  resource_path     = "/health"
  request_interval  = 10
  failure_threshold = 2
  tags              = { Name = "web" }
}

resource "aws_route53_health_check" "text" {
  type          = "HTTP_STR_MATCH"
  ip_address    = "198.18.0.1"
  port          = 80
  search_string = "healthy"
  disabled      = true

  request_interval  = 30
  failure_threshold = 3
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "errors"
  namespace           = "Shop"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanThreshold"
}

resource "aws_route53_health_check" "errors" {
  type                            = "CLOUDWATCH_METRIC"
  cloudwatch_alarm_name           = aws_cloudwatch_metric_alarm.errors.alarm_name
  cloudwatch_alarm_region         = "eu-south-1"
  insufficient_data_health_status = "Healthy"
}

resource "aws_route53_health_check" "all" {
  type                   = "CALCULATED"
  child_health_threshold = 2
  child_healthchecks     = [aws_route53_health_check.web.id, aws_route53_health_check.errors.id]
}

resource "aws_route53_record" "failover" {
  for_each = { PRIMARY = aws_route53_health_check.all.id, SECONDARY = null }

  zone_id         = aws_route53_zone.public.zone_id
  name            = "status"
  type            = "A"
  ttl             = 5
  records         = [each.key == "PRIMARY" ? "192.0.2.1" : "192.0.2.2"]
  set_identifier  = lower(each.key)
  health_check_id = each.value

  failover_routing_policy {
    type = each.key
  }
}

resource "aws_acm_certificate" "this" {
  domain_name               = "shop.example"
  subject_alternative_names = ["*.shop.example"]
  validation_method         = "DNS"
  depends_on                = [aws_route53_zone.public]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = {
    for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => {
      name   = option.resource_record_name
      record = option.resource_record_value
      type   = option.resource_record_type
    }
  }

  allow_overwrite = true
  zone_id         = aws_route53_zone.public.zone_id
  name            = each.value.name
  type            = each.value.type
  ttl             = 60
  records         = [each.value.record]
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
