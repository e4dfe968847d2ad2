# The website's infrastructure, as one writes it for AWS. `terraform apply` against Gantry needs the variables
# that `./gantry env` prints and nothing else: AWS_ENDPOINT_URL is the provider's own endpoint setting.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = var.name
      Environment = var.environment
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}
