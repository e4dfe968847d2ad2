variable "receiver_port" {
  type = number
}

# The provider waits 25 seconds for each change of a queue. Queues that others refer to are not of this configuration:
# what refers to them does not wait for them too.
data "aws_sqs_queue" "orders" {
  name = "orders"
}

data "aws_sqs_queue" "dead" {
  name = "orders-dead"
}

data "aws_sqs_queue" "bills_dead" {
  name = "bills-dead.fifo"
}

data "aws_kms_alias" "messages" {
  name = "alias/messages"
}

data "aws_sqs_queues" "orders" {
  queue_name_prefix = "orders"
}

output "queues" {
  value = length(data.aws_sqs_queues.orders.queue_urls)
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = data.aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = var.minutes == 5 ? [data.aws_sqs_queue.orders.arn] : [data.aws_sqs_queue.orders.arn, data.aws_sqs_queue.dead.arn]
  })
}

resource "aws_sqs_queue_redrive_policy" "orders" {
  queue_url = data.aws_sqs_queue.orders.id
  redrive_policy = jsonencode({
    deadLetterTargetArn = data.aws_sqs_queue.dead.arn
    maxReceiveCount     = var.minutes
  })
}

data "aws_iam_policy_document" "orders" {
  statement {
    sid       = "minutes${var.minutes}"
    actions   = ["sqs:SendMessage"]
    resources = [data.aws_sqs_queue.orders.arn]
    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.orders.arn, aws_cloudwatch_event_rule.orders.arn, aws_s3_bucket.orders.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "orders" {
  queue_url = data.aws_sqs_queue.orders.id
  policy    = data.aws_iam_policy_document.orders.json
}

resource "aws_sqs_queue" "standard" {
  name                              = "standard"
  delay_seconds                     = var.minutes
  max_message_size                  = 2048 * var.minutes
  message_retention_seconds         = 86400 * var.minutes
  receive_wait_time_seconds         = var.minutes
  visibility_timeout_seconds        = 60 * var.minutes
  kms_master_key_id                 = data.aws_kms_alias.messages.target_key_id
  kms_data_key_reuse_period_seconds = 60 * var.minutes
  tags                              = { minutes = tostring(var.minutes) }
}

resource "aws_sqs_queue" "bills" {
  name_prefix                 = "bills-"
  fifo_queue                  = true
  content_based_deduplication = var.minutes == 5
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = var.minutes == 5 ? "perMessageGroupId" : "perQueue"
  sqs_managed_sse_enabled     = true
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "m${var.minutes}", Effect = "Allow", Principal = { AWS = "*" }, Action = "sqs:SendMessage", Resource = "*" }]
  })
  redrive_policy       = jsonencode({ deadLetterTargetArn = data.aws_sqs_queue.bills_dead.arn, maxReceiveCount = var.minutes })
  redrive_allow_policy = jsonencode({ redrivePermission = var.minutes == 5 ? "allowAll" : "denyAll" })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "queue"
  arn            = data.aws_sqs_queue.orders.arn
  dead_letter_config {
    arn = data.aws_sqs_queue.dead.arn
  }
  input_transformer {
    input_paths    = { total = "$.detail.total" }
    input_template = "\"<total> after ${var.minutes}\""
  }
}

resource "aws_cloudwatch_event_target" "fifo" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "fifo"
  arn       = aws_sqs_queue.bills.arn
  sqs_target {
    message_group_id = "nightly-${var.minutes}"
  }
}

resource "aws_scheduler_schedule" "queue" {
  name                = "queue"
  schedule_expression = "rate(${var.minutes} minutes)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sqs_queue.bills.arn
    role_arn = aws_iam_role.invoker.arn
    input    = jsonencode({ minutes = var.minutes })
    sqs_parameters {
      message_group_id = "scheduled"
    }
    dead_letter_config {
      arn = data.aws_sqs_queue.dead.arn
    }
    retry_policy {
      maximum_retry_attempts = var.minutes
    }
  }
}

resource "aws_s3_bucket" "orders" {
  bucket = "orders-of-queues"
}

resource "aws_s3_bucket_notification" "orders" {
  bucket      = aws_s3_bucket.orders.id
  eventbridge = var.minutes == 5
  queue {
    id            = "objects"
    queue_arn     = data.aws_sqs_queue.orders.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"]
    filter_prefix = "in/"
    filter_suffix = ".${var.minutes}"
  }
  depends_on = [aws_sqs_queue_policy.orders]
}
