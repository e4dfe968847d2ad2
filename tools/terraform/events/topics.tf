resource "aws_sns_topic" "orders" {
  name                              = "orders"
  display_name                      = "every ${var.minutes}"
  kms_master_key_id                 = data.aws_kms_alias.messages.target_key_arn
  signature_version                 = var.minutes == 5 ? 1 : 2
  tracing_config                    = "PassThrough"
  http_success_feedback_role_arn    = aws_iam_role.invoker.arn
  http_success_feedback_sample_rate = var.minutes
  sqs_failure_feedback_role_arn     = aws_iam_role.invoker.arn
  delivery_policy = jsonencode({
    http = {
      defaultHealthyRetryPolicy    = { minDelayTarget = 1, maxDelayTarget = 20, numRetries = var.minutes, numMaxDelayRetries = 0, numNoDelayRetries = 0, numMinDelayRetries = 0, backoffFunction = "linear" }
      disableSubscriptionOverrides = false
      defaultRequestPolicy         = { headerContentType = "text/plain; charset=UTF-8" }
    }
  })
  tags = { minutes = tostring(var.minutes) }
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "minutes${var.minutes}"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.orders.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "s3.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "orders" {
  arn    = aws_sns_topic.orders.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic" "bills" {
  name                        = "bills.fifo"
  fifo_topic                  = true
  fifo_throughput_scope       = "MessageGroup"
  content_based_deduplication = var.minutes == 5
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = aws_sns_topic.orders.arn
  protocol             = "sqs"
  endpoint             = data.aws_sqs_queue.orders.arn
  raw_message_delivery = var.minutes == 5
  filter_policy        = jsonencode({ store = ["a"], total = [{ numeric = [">", var.minutes] }] })
  filter_policy_scope  = var.minutes == 5 ? "MessageAttributes" : "MessageBody"
  redrive_policy       = jsonencode({ deadLetterTargetArn = var.minutes == 5 ? data.aws_sqs_queue.dead.arn : data.aws_sqs_queue.orders.arn })
}

resource "aws_sns_topic_subscription" "fifo" {
  topic_arn = aws_sns_topic.bills.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.bills.arn
}

resource "aws_sns_topic_subscription" "https" {
  topic_arn                       = aws_sns_topic.orders.arn
  protocol                        = "https"
  endpoint                        = "https://localhost:${var.receiver_port}/inbox"
  endpoint_auto_confirms          = true
  confirmation_timeout_in_minutes = 1
  delivery_policy = jsonencode({
    healthyRetryPolicy = { minDelayTarget = 1, maxDelayTarget = 5, numRetries = var.minutes, numMaxDelayRetries = 0, numNoDelayRetries = 0, numMinDelayRetries = 0, backoffFunction = "linear" }
  })
}

resource "aws_cloudwatch_metric_alarm" "orders" {
  alarm_name                = "orders"
  namespace                 = "AWS/SQS"
  metric_name               = "ApproximateNumberOfMessagesVisible"
  dimensions                = { QueueName = data.aws_sqs_queue.orders.name }
  comparison_operator       = "GreaterThanThreshold"
  evaluation_periods        = 1
  period                    = 60
  statistic                 = "Maximum"
  threshold                 = var.minutes
  alarm_actions             = [aws_sns_topic.orders.arn]
  ok_actions                = [aws_sns_topic.orders.arn]
  insufficient_data_actions = var.minutes == 5 ? [] : [aws_sns_topic.orders.arn]
}

data "aws_sns_topic" "orders" {
  name       = "orders"
  depends_on = [aws_sns_topic.orders]
}

output "topic" {
  value = data.aws_sns_topic.orders.arn == aws_sns_topic.orders.arn
}
