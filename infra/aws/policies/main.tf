# The two policies, with an account's names in them. No provider is needed to look at them:
#   terraform init && terraform apply
# What they allow is data of deployer itself (deployer_sagemaker.rights); a test holds these files to it.

terraform {
  required_version = ">= 1.5"
}

locals {
  names = {
    partition  = var.partition
    account    = var.account
    region     = var.region
    bucket     = var.bucket
    prefix     = var.prefix
    repository = var.repository
    role       = var.role
  }

  shipped = {
    for name in ["deploying", "execution"] :
    name => jsondecode(templatefile("${path.module}/${name}.json", local.names))
  }

  # Statements that are there only where somebody asks for them, and what they are about beside what is ours.
  more = {
    deploying = {}
    execution = {
      Images  = var.images
      Outputs = var.outputs
      Topics  = var.topics
      Secrets = var.secrets
      Keys    = var.kms_keys
    }
  }
  without = {
    deploying = var.adopt ? [] : ["TakeOver"]
    execution = var.vpc ? [] : ["Network"]
  }

  documents = {
    for name, document in local.shipped : name => jsonencode({
      Version = document.Version
      Statement = [
        for statement in document.Statement : merge(statement, {
          Resource = concat(statement.Resource, lookup(local.more[name], statement.Sid, []))
        })
        if !contains(local.without[name], statement.Sid)
        && length(concat(statement.Resource, lookup(local.more[name], statement.Sid, []))) > 0
      ]
    })
  }
}
