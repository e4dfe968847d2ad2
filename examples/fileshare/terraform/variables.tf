variable "region" {
  description = "Region of everything here."
  type        = string
  default     = "eu-south-1"
}

variable "name" {
  description = "Name of the website; every resource carries it."
  type        = string
  default     = "fileshare"
}

variable "environment" {
  description = "Value of the tag Environment."
  type        = string
  default     = "production"
}

variable "domain" {
  description = "Domain of the website: it gets a hosted zone and a certificate."
  type        = string
  default     = "fileshare.example.com"
}

variable "image_tag" {
  description = "Tag of the website's image in the repository that this configuration makes."
  type        = string
  default     = "latest"
}

variable "app_version" {
  description = "What the website says its version is."
  type        = string
  default     = "1"
}

variable "desired_count" {
  description = "How many copies of the website run at least."
  type        = number
  default     = 2
}

variable "max_count" {
  description = "How many copies of the website run at most."
  type        = number
  default     = 4
}

variable "deployment_config" {
  description = "How CodeDeploy moves the traffic to a new version."
  type        = string
  default     = "CodeDeployDefault.ECSCanary10Percent5Minutes"
}

variable "keep_minutes" {
  description = "Minutes for which the version before is kept after a deployment."
  type        = number
  default     = 5
}

variable "administrators" {
  description = "CIDR blocks that may reach the bastion by SSH, and the next version of the website."
  type        = set(string)
  default     = []
}

variable "bastion_public_key" {
  description = "Public key that signs in to the bastion, in the format of OpenSSH."
  type        = string
}

variable "db_password" {
  description = "Password of the database's user."
  type        = string
  sensitive   = true
}
