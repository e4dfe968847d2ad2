output "address" {
  description = "Name of the load balancer."
  value       = aws_lb.main.dns_name
}

output "repository" {
  description = "Where the website's image is pushed to."
  value       = aws_ecr_repository.app.repository_url
}

output "cluster" {
  description = "Name of the cluster, and of the service in it."
  value       = aws_ecs_cluster.main.name
}

output "bucket" {
  description = "The bucket of the files that users store in S3."
  value       = aws_s3_bucket.files.bucket
}

output "name_servers" {
  description = "Name servers that the domain is to be delegated to."
  value       = aws_route53_zone.main.name_servers
}

output "bastion" {
  description = "Public address of the bastion."
  value       = aws_eip.bastion.public_ip
}

output "task_definition" {
  description = "The version that the AppSpec of a deployment names."
  value       = aws_ecs_task_definition.app.arn
}
