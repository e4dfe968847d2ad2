# What stacks in the manner of the popular modules read, and buckets that send events to topics and are replicated.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "generation" {
  type    = number
  default = 1
}

provider "aws" {
  region                  = "eu-south-1"
  skip_metadata_api_check = true
  s3_use_path_style       = true
  default_tags {
    tags = { Repository = "modules" }
  }
}

# The partition, the account, the region and its services.
data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}
data "aws_regions" "all" {
  all_regions = true
}
data "aws_default_tags" "these" {}
data "aws_canonical_user_id" "this" {}
data "aws_billing_service_account" "this" {}
data "aws_elb_service_account" "this" {}
data "aws_elb_hosted_zone_id" "this" {}
data "aws_lb_hosted_zone_id" "this" {}
data "aws_service" "ecs" {
  service_id = "ecs"
}
data "aws_service_principal" "s3" {
  service_name = "s3"
}
data "aws_arn" "vpc" {
  arn = aws_vpc.this.arn
}
data "aws_availability_zones" "zones" {
  state = "available"
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}
data "aws_availability_zone" "second" {
  name = "eu-south-1b"
}
data "aws_prefix_list" "s3" {
  name = "com.amazonaws.eu-south-1.s3"
}
data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}
data "aws_ec2_managed_prefix_lists" "these" {}
data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}
data "aws_servicequotas_service" "vpc" {
  service_name = "Amazon Virtual Private Cloud (Amazon VPC)"
}
data "aws_servicequotas_service_quota" "rules" {
  service_code = "vpc"
  quota_name   = "Inbound or outbound rules per security group"
}
data "aws_servicequotas_service_quota" "balancers" {
  service_code = "elasticloadbalancing"
  quota_name   = "Application Load Balancers per Region"
}
data "aws_rds_engine_version" "mysql" {
  engine             = "mysql"
  preferred_versions = ["8.0.40"]
  latest             = true
}
data "aws_ssm_parameter" "image" {
  name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended"
}
data "aws_ssm_parameter" "region" {
  name = "/aws/service/global-infrastructure/regions/eu-south-1/longName"
}

# A network.
resource "aws_vpc" "this" {
  cidr_block = "10.62.0.0/16"
}

resource "aws_subnet" "this" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)
  availability_zone = data.aws_availability_zones.zones.names[count.index]
}

resource "aws_security_group" "this" {
  name   = "modules"
  vpc_id = aws_vpc.this.id
  ingress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = [data.aws_ec2_managed_prefix_list.cloudfront.id]
    description     = "generation ${var.generation}"
  }
}

resource "aws_network_interface" "this" {
  subnet_id = aws_subnet.this[0].id
}

data "aws_vpcs" "these" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.this.id]
  }
}
data "aws_subnet" "this" {
  id = aws_subnet.this[0].id
}
data "aws_subnets" "these" {
  filter {
    name   = "vpc-id"
    values = [aws_subnet.this[0].vpc_id]
  }
}
data "aws_security_group" "this" {
  id = aws_security_group.this.id
}
data "aws_security_groups" "these" {
  filter {
    name   = "vpc-id"
    values = [aws_security_group.this.vpc_id]
  }
}
data "aws_vpc_security_group_rules" "these" {
  filter {
    name   = "group-id"
    values = [aws_security_group.this.id]
  }
}
data "aws_route_table" "main" {
  vpc_id = aws_vpc.this.id
  filter {
    name   = "association.main"
    values = ["true"]
  }
}
data "aws_route_tables" "these" {
  vpc_id = aws_vpc.this.id
}
data "aws_network_acls" "these" {
  vpc_id = aws_vpc.this.id
}
data "aws_nat_gateways" "these" {
  vpc_id = aws_vpc.this.id
}
data "aws_network_interface" "this" {
  id = aws_network_interface.this.id
}
data "aws_network_interfaces" "these" {
  filter {
    name   = "subnet-id"
    values = [aws_network_interface.this.subnet_id]
  }
}
data "aws_eips" "these" {}
data "aws_vpc_peering_connections" "these" {}
data "aws_vpc_dhcp_options" "this" {
  dhcp_options_id = aws_vpc.this.dhcp_options_id
}

# Identities, keys, secrets and parameters.
resource "aws_iam_role" "replication" {
  name = "modules-replication"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "s3.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_user" "this" {
  name = "modules"
}

data "aws_iam_role" "this" {
  name = aws_iam_role.replication.name
}
data "aws_iam_roles" "these" {
  name_regex = "modules"
  depends_on = [aws_iam_role.replication]
}
data "aws_iam_user" "this" {
  user_name = aws_iam_user.this.name
}
data "aws_iam_users" "these" {
  name_regex = "modules"
  depends_on = [aws_iam_user.this]
}
data "aws_iam_access_keys" "these" {
  user = aws_iam_user.this.name
}
data "aws_iam_policy" "read" {
  name = "ReadOnlyAccess"
}
data "aws_iam_session_context" "this" {
  arn = data.aws_caller_identity.me.arn
}
data "aws_iam_principal_policy_simulation" "this" {
  action_names      = ["s3:GetObject"]
  policy_source_arn = aws_iam_user.this.arn
}

resource "aws_kms_key" "this" {
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "this" {
  name          = "alias/modules"
  target_key_id = aws_kms_key.this.id
}

# Its material is imported.
resource "aws_kms_external_key" "this" {
  description             = "generation ${var.generation}"
  deletion_window_in_days = 7
  enabled                 = true
  key_material_base64     = "Wblj06fduthWggmsT0cLVoIMOkeLbc2kVfMud77i/JY="
}

resource "aws_kms_ciphertext" "this" {
  key_id    = aws_kms_key.this.key_id
  plaintext = "sesame"
}

data "aws_kms_alias" "this" {
  name = aws_kms_alias.this.name
}
data "aws_kms_alias" "s3" {
  name = "alias/aws/s3"
}
data "aws_kms_key" "this" {
  key_id = aws_kms_alias.this.name
}
data "aws_kms_secrets" "this" {
  secret {
    name    = "password"
    payload = aws_kms_ciphertext.this.ciphertext_blob
  }
}

resource "aws_secretsmanager_secret" "this" {
  name                    = "modules"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = "sesame"
}

data "aws_secretsmanager_secret" "this" {
  name = aws_secretsmanager_secret.this.name
}
data "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret_version.this.secret_id
}
data "aws_secretsmanager_secret_versions" "these" {
  secret_id = aws_secretsmanager_secret_version.this.secret_id
}
data "aws_secretsmanager_random_password" "this" {
  password_length = 20
}

resource "aws_ssm_parameter" "this" {
  name  = "/modules/a"
  type  = "SecureString"
  value = "v${var.generation}"
}

data "aws_ssm_parameters_by_path" "these" {
  path       = "/modules"
  depends_on = [aws_ssm_parameter.this]
}

resource "aws_ssm_document" "this" {
  name            = "modules"
  document_type   = "Command"
  document_format = "YAML"
  content         = <<-YAML
    schemaVersion: '2.2'
    description: Generation ${var.generation}.
    mainSteps:
      - action: aws:runShellScript
        name: greet
        inputs:
          runCommand: ['echo ${var.generation}']
  YAML
}

data "aws_ssm_document" "this" {
  name            = aws_ssm_document.this.name
  document_format = "YAML"
}

# No bucket of the account is public.
resource "aws_s3_account_public_access_block" "this" {
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = var.generation > 1
  restrict_public_buckets = true
}

data "aws_s3_account_public_access_block" "this" {
  depends_on = [aws_s3_account_public_access_block.this]
}

# What a baseline of an account sets.
resource "aws_ec2_instance_metadata_defaults" "this" {
  http_tokens                 = "required"
  http_put_response_hop_limit = 1 + var.generation
}

resource "aws_ec2_image_block_public_access" "this" {
  state = "block-new-sharing"
}

resource "aws_ebs_snapshot_block_public_access" "this" {
  state = var.generation == 1 ? "block-new-sharing" : "block-all-sharing"
}

resource "aws_ec2_serial_console_access" "this" {
  enabled = var.generation == 1
}

data "aws_ec2_serial_console_access" "this" {
  depends_on = [aws_ec2_serial_console_access.this]
}

# Buckets that are replicated and publish to topics.
resource "aws_s3_bucket" "these" {
  for_each      = toset(["source", "target"])
  bucket        = "modules-${each.key}"
  force_destroy = true
}

resource "aws_s3_bucket_versioning" "these" {
  for_each = aws_s3_bucket.these
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_replication_configuration" "this" {
  bucket = aws_s3_bucket_versioning.these["source"].id
  role   = aws_iam_role.replication.arn
  rule {
    id       = "sealed"
    priority = 10 * var.generation
    status   = "Enabled"
    filter {
      and {
        prefix = "a/"
        tags   = { replicate = "yes" }
      }
    }
    delete_marker_replication {
      status = "Disabled"
    }
    existing_object_replication {
      status = "Enabled"
    }
    source_selection_criteria {
      replica_modifications {
        status = "Enabled"
      }
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }
    destination {
      bucket        = aws_s3_bucket.these["target"].arn
      storage_class = "STANDARD_IA"
      account       = data.aws_caller_identity.me.account_id
      access_control_translation {
        owner = "Destination"
      }
      encryption_configuration {
        replica_kms_key_id = aws_kms_key.this.arn
      }
      metrics {
        status = "Enabled"
        event_threshold {
          minutes = 15
        }
      }
      replication_time {
        status = "Enabled"
        time {
          minutes = 15
        }
      }
    }
  }
  rule {
    id       = "rest"
    priority = 1
    status   = var.generation > 1 ? "Enabled" : "Disabled"
    filter {
      prefix = "b/"
    }
    delete_marker_replication {
      status = "Enabled"
    }
    destination {
      bucket = aws_s3_bucket.these["target"].arn
    }
  }
  depends_on = [aws_s3_bucket_versioning.these]
}

resource "aws_sns_topic" "events" {
  name         = "modules"
  display_name = "generation ${var.generation}"
}

resource "aws_sns_topic_policy" "events" {
  arn = aws_sns_topic.events.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.events.arn
      Condition = { ArnLike = { "aws:SourceArn" = aws_s3_bucket.these["source"].arn } }
    }]
  })
}

resource "aws_s3_bucket_notification" "this" {
  bucket = aws_s3_bucket.these["source"].id
  topic {
    id            = "logs"
    topic_arn     = aws_sns_topic_policy.events.arn
    events        = ["s3:ObjectCreated:*"]
    filter_suffix = ".log${var.generation}"
  }
}

resource "aws_sqs_queue" "this" {
  name = "modules"
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = var.generation > 1
}

data "aws_sns_topic" "this" {
  name = aws_sns_topic.events.name
}
data "aws_sqs_queue" "this" {
  name = aws_sqs_queue.this.name
}
data "aws_sqs_queues" "these" {
  queue_name_prefix = "modules"
  depends_on        = [aws_sqs_queue.this]
}
data "aws_s3_bucket" "this" {
  bucket = aws_s3_bucket.these["source"].id
}
data "aws_s3_objects" "these" {
  bucket = aws_s3_bucket.these["source"].id
}

# What runs on it.
resource "aws_ecs_cluster" "this" {
  name = "modules"
}

resource "aws_ecs_task_definition" "this" {
  family                = "modules"
  container_definitions = jsonencode([{ name = "web", image = "busybox", memory = 64, essential = true }])
  network_mode          = "awsvpc"
  cpu                   = 256
  memory                = 512
}

resource "aws_ecs_service" "this" {
  name            = "modules"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = 0
  network_configuration {
    subnets = aws_subnet.this[*].id
  }
}

# One task on each container instance: Fargate has none.
resource "aws_ecs_service" "daemon" {
  name                               = "modules-daemon"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this.arn
  launch_type                        = "EC2"
  scheduling_strategy                = "DAEMON"
  deployment_minimum_healthy_percent = var.generation == 1 ? 0 : 50
  network_configuration {
    subnets = aws_subnet.this[*].id
  }
}

resource "aws_lb" "this" {
  name     = "modules"
  internal = true
  subnets  = aws_subnet.this[*].id
}

resource "aws_lb_target_group" "this" {
  name     = "modules"
  port     = 80
  protocol = "HTTP"
  vpc_id   = aws_vpc.this.id
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_efs_file_system" "this" {
  creation_token = "modules"
}

resource "aws_db_subnet_group" "this" {
  name       = "modules"
  subnet_ids = aws_subnet.this[*].id
}

resource "aws_db_parameter_group" "this" {
  name        = "modules"
  family      = "mysql8.0"
  description = "Parameters of the modules' databases"
  parameter {
    name  = "max_connections"
    value = var.generation == 1 ? "99" : "{DBInstanceClassMemory/12582880}"
  }
  parameter {
    name         = "performance_schema"
    value        = "1"
    apply_method = "pending-reboot"
  }
  dynamic "parameter" {
    for_each = var.generation == 1 ? ["slow_query_log", "log_bin_trust_function_creators"] : ["slow_query_log"]
    content {
      name  = parameter.value
      value = "1"
    }
  }
}

resource "aws_db_option_group" "this" {
  name                     = "modules"
  engine_name              = "mysql"
  major_engine_version     = "8.0"
  option_group_description = "Options of the modules' databases"
  option {
    option_name = "MARIADB_AUDIT_PLUGIN"
    option_settings {
      name  = "SERVER_AUDIT_EVENTS"
      value = var.generation == 1 ? "CONNECT" : "CONNECT,QUERY"
    }
  }
}

resource "aws_db_parameter_group" "postgres" {
  name   = "modules-postgres"
  family = data.aws_rds_engine_version.postgres.parameter_group_family
  parameter {
    name  = "log_statement"
    value = var.generation == 1 ? "ddl" : "mod"
  }
  parameter {
    name         = "shared_preload_libraries"
    value        = "pg_stat_statements,auto_explain"
    apply_method = "pending-reboot"
  }
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_option_group" "postgres" {
  name                 = "modules-postgres"
  engine_name          = "postgres"
  major_engine_version = "17"
}

data "aws_rds_engine_version" "postgres" {
  engine  = "postgres"
  version = "17"
}
data "aws_rds_orderable_db_instance" "postgres" {
  engine                     = "postgres"
  engine_version             = data.aws_rds_engine_version.postgres.version_actual
  license_model              = "postgresql-license"
  preferred_instance_classes = ["db.t4g.micro"]
  storage_type               = "gp3"
}
data "aws_rds_engine_version" "this" {
  engine  = "mysql"
  version = "8.0"
}
data "aws_rds_orderable_db_instance" "this" {
  engine                     = "mysql"
  preferred_instance_classes = ["db.t3.micro"]
  storage_type               = "gp3"
}
data "aws_rds_certificate" "this" {
  id = "rds-ca-rsa2048-g1"
}

data "aws_ecs_cluster" "this" {
  cluster_name = aws_ecs_cluster.this.name
}
data "aws_ecs_clusters" "these" {
  depends_on = [aws_ecs_cluster.this]
}
data "aws_ecs_service" "this" {
  service_name = aws_ecs_service.this.name
  cluster_arn  = aws_ecs_cluster.this.arn
}
data "aws_ecs_task_definition" "this" {
  task_definition = aws_ecs_task_definition.this.family
}
data "aws_ecs_container_definition" "this" {
  task_definition = aws_ecs_task_definition.this.id
  container_name  = "web"
}
data "aws_lb" "this" {
  arn = aws_lb.this.arn
}
data "aws_lbs" "these" {
  depends_on = [aws_lb.this]
}
data "aws_lb_listener" "this" {
  arn = aws_lb_listener.this.arn
}
data "aws_lb_target_group" "this" {
  arn = aws_lb_target_group.this.arn
}
data "aws_efs_file_system" "this" {
  file_system_id = aws_efs_file_system.this.id
}
data "aws_db_subnet_group" "this" {
  name = aws_db_subnet_group.this.name
}
data "aws_resourcegroupstaggingapi_resources" "these" {
  tag_filter {
    key    = "Repository"
    values = ["modules"]
  }
  depends_on = [aws_vpc.this]
}
