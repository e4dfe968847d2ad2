# Every resource type of ECS that the provider has and Gantry accepts, each argument that it accepts on one of them.
variable "generation" {
  type    = number
  default = 1
}

provider "aws" {
  region                     = "eu-south-1"
  skip_metadata_api_check    = true
  skip_region_validation     = true
  skip_requesting_account_id = false
}

locals {
  second = var.generation > 1
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

resource "aws_iam_role" "execution" {
  name               = "stack-execution"
  assume_role_policy = local.trust
}

resource "aws_cloudwatch_log_group" "exec" {
  name = "/stack/exec"
}

resource "aws_ecs_account_setting_default" "insights" {
  name  = "containerInsights"
  value = local.second ? "enhanced" : "enabled"
}

resource "aws_ecs_cluster" "stack" {
  name = "stack"
  tags = { generation = tostring(var.generation) }

  setting {
    name  = "containerInsights"
    value = local.second ? "disabled" : "enabled"
  }

  service_connect_defaults {
    namespace = local.second ? aws_service_discovery_private_dns_namespace.corp.arn : aws_service_discovery_http_namespace.api.arn
  }

  configuration {
    execute_command_configuration {
      logging = local.second ? "OVERRIDE" : "DEFAULT"

      dynamic "log_configuration" {
        for_each = local.second ? [1] : []
        content {
          cloud_watch_encryption_enabled = false
          cloud_watch_log_group_name     = aws_cloudwatch_log_group.exec.name
        }
      }
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "stack" {
  cluster_name       = aws_ecs_cluster.stack.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.generation
    weight            = 1
  }

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 3
  }
}

resource "aws_ecs_tag" "stack" {
  resource_arn = aws_ecs_task_definition.web.arn
  key          = "owner"
  value        = "team-${var.generation}"
}

resource "aws_ecs_task_definition" "web" {
  family                   = "stack-web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.execution.arn
  track_latest             = true

  lifecycle {
    ignore_changes = [tags, tags_all]
  }

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = 30
  }

  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([{
    name        = "web"
    image       = "nginx:latest"
    essential   = true
    environment = [{ name = "MODE", value = "test" }]
    portMappings = [{ containerPort = 80, protocol = "tcp" }]
    mountPoints  = [{ sourceVolume = "scratch", containerPath = "/scratch" }]
    healthCheck  = { command = ["CMD-SHELL", "true"] }
    restartPolicy = { enabled = true }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.exec.name
        awslogs-region        = "eu-south-1"
        awslogs-stream-prefix = "web"
      }
    }
  }])
}

resource "aws_ecs_service" "spot" {
  name                               = "spot"
  cluster                            = aws_ecs_cluster.stack.arn
  task_definition                    = aws_ecs_task_definition.web.arn
  desired_count                      = var.generation
  availability_zone_rebalancing      = local.second ? "ENABLED" : "DISABLED"
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 200
  enable_ecs_managed_tags            = true
  enable_execute_command             = local.second
  propagate_tags                     = "SERVICE"
  force_new_deployment               = true
  platform_version                   = "LATEST"
  tags                               = { generation = tostring(var.generation) }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = var.generation
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = local.second
  }

  network_configuration {
    subnets          = data.aws_subnets.default.ids
    assign_public_ip = local.second
  }

  depends_on = [aws_ecs_cluster_capacity_providers.stack]
}

resource "aws_ecs_service" "plain" {
  name                = "plain"
  cluster             = aws_ecs_cluster.stack.arn
  task_definition     = aws_ecs_task_definition.web.arn
  launch_type         = "FARGATE"
  scheduling_strategy = "REPLICA"
  desired_count       = 0

  service_connect_configuration {
    enabled = false
  }

  service_registries {
    registry_arn   = aws_service_discovery_service.srv.arn
    container_name = "web"
    container_port = 80
  }

  network_configuration {
    subnets = data.aws_subnets.default.ids
  }
}

resource "aws_service_discovery_http_namespace" "api" {
  name        = "api"
  description = "Another description makes another namespace of this type."
  tags        = { generation = tostring(var.generation) }
}

resource "aws_service_discovery_private_dns_namespace" "corp" {
  name        = "corp.internal"
  description = "generation ${var.generation}"
  vpc         = data.aws_vpc.default.id
  tags        = { generation = tostring(var.generation) }
}

resource "aws_service_discovery_public_dns_namespace" "shop" {
  name        = "stack.example"
  description = "generation ${var.generation}"
  tags        = { generation = tostring(var.generation) }
}

resource "aws_service_discovery_service" "web" {
  name          = "web"
  description   = "generation ${var.generation}"
  tags          = { generation = tostring(var.generation) }

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.corp.id
    routing_policy = "MULTIVALUE"

    dns_records {
      ttl  = 10 * var.generation
      type = "A"
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_service_discovery_service" "srv" {
  name = "_web._tcp"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.corp.id

    dns_records {
      ttl  = 10
      type = "SRV"
    }
  }
}

resource "aws_service_discovery_service" "http" {
  name         = "http"
  namespace_id = aws_service_discovery_http_namespace.api.id
}

resource "aws_service_discovery_instance" "web" {
  instance_id = "one"
  service_id  = aws_service_discovery_service.web.id

  attributes = {
    AWS_INSTANCE_IPV4 = "172.31.250.${var.generation}"
    color             = "blue"
  }
}

data "aws_service_discovery_http_namespace" "api" {
  name       = aws_service_discovery_http_namespace.api.name
  depends_on = [aws_service_discovery_http_namespace.api]
}

data "aws_service_discovery_dns_namespace" "corp" {
  name = aws_service_discovery_private_dns_namespace.corp.name
  type = "DNS_PRIVATE"
}

data "aws_service_discovery_service" "web" {
  name         = aws_service_discovery_service.web.name
  namespace_id = aws_service_discovery_private_dns_namespace.corp.id
}

output "names" {
  value = [
    data.aws_service_discovery_http_namespace.api.http_name,
    data.aws_service_discovery_dns_namespace.corp.hosted_zone,
    data.aws_service_discovery_service.web.arn,
  ]
}

resource "aws_ecs_service" "external" {
  name          = "external"
  cluster       = aws_ecs_cluster.stack.arn
  desired_count = 0
  tags          = { generation = tostring(var.generation) }

  deployment_controller {
    type = "EXTERNAL"
  }
}

resource "aws_ecs_task_set" "external" {
  force_delete    = true
  service         = aws_ecs_service.external.id
  cluster         = aws_ecs_cluster.stack.id
  task_definition = aws_ecs_task_definition.web.arn
  external_id     = "release"
  tags            = { generation = tostring(var.generation) }

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  scale {
    unit  = "PERCENT"
    value = local.second ? 50 : 100
  }

  network_configuration {
    subnets = data.aws_subnets.default.ids
  }

  depends_on = [aws_ecs_cluster_capacity_providers.stack]
}
