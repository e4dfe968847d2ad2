resource "aws_cloudwatch_event_archive" "orders" {
  name             = "orders"
  event_source_arn = aws_cloudwatch_event_bus.orders.arn
  description      = "every ${var.minutes}"
  retention_days   = var.minutes
  event_pattern    = jsonencode({ source = ["shop"], detail = { total = [var.minutes] } })
}

resource "aws_cloudwatch_event_connection" "basic" {
  name               = "basic"
  description        = "every ${var.minutes}"
  authorization_type = "BASIC"
  auth_parameters {
    basic {
      username = "u${var.minutes}"
      password = "p"
    }
    invocation_http_parameters {
      header {
        key   = "x-minutes"
        value = var.minutes
      }
      body {
        key             = "hidden"
        value           = "h"
        is_value_secret = true
      }
    }
  }
}

resource "aws_cloudwatch_event_connection" "key" {
  name               = "key"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-key"
      value = "v${var.minutes}"
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "shop" {
  name                             = "shop"
  description                      = "every ${var.minutes}"
  invocation_endpoint              = "https://localhost:${var.receiver_port}/shops/*"
  http_method                      = var.minutes == 5 ? "POST" : "PUT"
  invocation_rate_limit_per_second = var.minutes
  connection_arn                   = var.minutes == 5 ? aws_cloudwatch_event_connection.basic.arn : aws_cloudwatch_event_connection.key.arn
}

resource "aws_cloudwatch_event_rule" "shop" {
  name          = "shop"
  event_pattern = jsonencode({ source = ["shop"], detail = { minutes = [var.minutes] } })
}

resource "aws_cloudwatch_event_target" "shop" {
  rule     = aws_cloudwatch_event_rule.shop.name
  arn      = aws_cloudwatch_event_api_destination.shop.arn
  role_arn = aws_iam_role.invoker.arn
  http_target {
    path_parameter_values   = ["$.detail.id"]
    header_parameters       = { x-shop = tostring(var.minutes) }
    query_string_parameters = { minutes = "$.detail.minutes" }
  }
}

resource "aws_cloudwatch_log_account_policy" "all" {
  policy_name = "all"
  policy_type = "SUBSCRIPTION_FILTER_POLICY"
  policy_document = jsonencode({
    DestinationArn = "arn:aws:lambda:eu-south-1:000000000000:function:all"
    FilterPattern  = "error ${var.minutes}"
    Distribution   = "Random"
  })
  selection_criteria = "LogGroupName NOT IN [\"/none\"]"
}
