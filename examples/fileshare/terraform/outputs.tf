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
