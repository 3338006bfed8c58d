variable "name" {
  description = "What names of the role and the policy begin with."
  type        = string
  default     = "deployer"
}

variable "owner" {
  description = "Whose endpoints these are, as deployer knows it (owner in deployer.toml)."
  type        = string
  default     = "deployer"
}

variable "bucket" {
  description = "Where records and models lie; by default deployer-ACCOUNT-REGION, as deployer looks for it."
  type        = string
  default     = null
}

variable "prefix" {
  description = "What keys in the bucket begin with (prefix in deployer.toml)."
  type        = string
  default     = "deployer"

  validation {
    condition     = can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", var.prefix))
    error_message = "Lower case letters and digits, with single signs between."
  }
}

variable "repository" {
  description = "What names of ECR repositories begin with (repository in deployer.toml)."
  type        = string
  default     = "deployer"

  validation {
    condition     = can(regex("^[a-z0-9]+([._/-][a-z0-9]+)*$", var.repository))
    error_message = "Lower case letters and digits, with single signs between."
  }
}

variable "endpoints" {
  description = "Names of endpoints whose repositories are made here rather than by deployer."
  type        = list(string)
  default     = []
}

variable "deployers" {
  description = "Names of roles that run deployer, such as that of CI; the policy is attached to them."
  type        = list(string)
  default     = []
}

variable "keep_days" {
  description = "How long what was written over or removed in the bucket can be had back, in days."
  type        = number
  default     = 90

  validation {
    condition     = var.keep_days >= 1
    error_message = "One day at least."
  }
}

variable "adopt" {
  description = "Whether endpoints that others made may be taken over (deployer apply --adopt): marks may then be set on any."
  type        = bool
  default     = false
}

variable "vpc" {
  description = "Whether models may run in a VPC (config.vpc)."
  type        = bool
  default     = false
}

variable "images" {
  description = "ARNs of further ECR repositories that models run images of, such as those of a pipeline."
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

variable "tags" {
  description = "Tags of all that is made here."
  type        = map(string)
  default     = {}
}
