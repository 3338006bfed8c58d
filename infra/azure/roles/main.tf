# The roles, with a subscription's names in them. No provider is needed to look at them:
#   terraform init && terraform apply
# What they allow is data of deployer itself (deployer_azureml.rights); a test holds these files to it.

terraform {
  required_version = ">= 1.5"
}

locals {
  names = {
    name         = var.name
    subscription = var.subscription
    group        = var.group
  }

  shipped = {
    for thing in ["workspace", "group", "subscription", "registry", "store"] :
    thing => jsondecode(templatefile("${path.module}/${thing}.json", local.names))
  }

  documents = {
    for thing, role in local.shipped : thing => merge(role, {
      Actions     = [for each in role.Actions : each if !contains(var.without, each)]
      DataActions = [for each in role.DataActions : each if !contains(var.without, each)]
    })
  }
}
