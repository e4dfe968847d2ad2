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
  description = "Name that the website's certificate is for."
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
  description = "How many copies of the website run."
  type        = number
  default     = 2
}

variable "administrators" {
  description = "Addresses that may reach the database besides the website."
  type        = set(string)
  default     = []
}

variable "db_password" {
  description = "Password of the database's user."
  type        = string
  sensitive   = true
}
