# What `deployer create --target azureml` needs of a subscription and region, once: see README.md.

data "azurerm_client_config" "current" {}

locals {
  subscription = "/subscriptions/${data.azurerm_client_config.current.subscription_id}"
  group        = coalesce(var.resource_group, var.name)
  # Names of stores, vaults and registries are each one's own in all of Azure; so this one is made of where they are.
  suffix = substr(sha256("${local.subscription}/${local.group}/${var.name}"), 0, 8)
  short  = substr(replace(lower(var.name), "/[^a-z0-9]/", ""), 0, 12)
  # As Azure calls the container of the workspace's own blob store.
  container = "azureml-blobstore-${azurerm_machine_learning_workspace.this.workspace_id}"
  store     = "${azurerm_storage_account.this.id}/blobServices/default/containers/${local.container}"
}

resource "azurerm_resource_group" "this" {
  name     = local.group
  location = var.location
  tags     = var.tags
}

module "roles" {
  source = "./roles"

  name         = "deployer-${local.group}-${var.name}"
  subscription = local.subscription
  group        = azurerm_resource_group.this.id
  without      = var.without
}
