# What `deployer create --target sagemaker` needs of an account and region, once: see README.md.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # Of version 5 of the provider this is `name`, of 6 `region`; `id` is the same in both.
  region = data.aws_region.current.id
  # As deployer calls it where no bucket is named, so that none has to be.
  bucket = coalesce(var.bucket, "deployer-${local.account}-${local.region}")
  # What is ours carries these, by which alone it is changed or removed.
  marks = {
    "deployer:managed-by" = "deployer"
    "deployer:owner"      = var.owner
  }
}

module "policies" {
  source = "./policies"

  partition  = local.partition
  account    = local.account
  region     = local.region
  bucket     = local.bucket
  prefix     = var.prefix
  repository = var.repository
  role       = aws_iam_role.execution.arn

  adopt    = var.adopt
  vpc      = var.vpc
  images   = var.images
  outputs  = var.outputs
  topics   = var.topics
  secrets  = var.secrets
  kms_keys = var.kms_keys
}
