variable "partition" {
  description = "aws, aws-cn or aws-us-gov."
  type        = string
}

variable "account" {
  description = "Twelve digits."
  type        = string
}

variable "region" {
  description = "Where the endpoints are."
  type        = string
}

variable "bucket" {
  description = "Where records and models lie."
  type        = string
}

variable "prefix" {
  description = "What keys in the bucket begin with."
  type        = string
  default     = "deployer"
}

variable "repository" {
  description = "What names of ECR repositories begin with."
  type        = string
  default     = "deployer"
}

variable "role" {
  description = "The execution role's ARN: the one role that may be passed."
  type        = string
}

variable "adopt" {
  description = "Whether endpoints that others made may be taken over: marks may then be set on any."
  type        = bool
  default     = false
}

variable "vpc" {
  description = "Whether models may run in a VPC (config.vpc)."
  type        = bool
  default     = false
}

variable "images" {
  description = "ARNs of further ECR repositories that models run images of."
  type        = list(string)
  default     = []
}

variable "outputs" {
  description = "ARNs of further S3 objects that endpoints may write, such as arn:aws:s3:::captured/*."
  type        = list(string)
  default     = []
}

variable "topics" {
  description = "ARNs of the SNS topics of asynchronous endpoints."
  type        = list(string)
  default     = []
}

variable "secrets" {
  description = "ARNs of the secrets that models may read (spec: secrets)."
  type        = list(string)
  default     = []
}

variable "kms_keys" {
  description = "ARNs of KMS keys that models need: of their volumes, secrets, models or outputs."
  type        = list(string)
  default     = []
}
