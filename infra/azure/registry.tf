# Images of all endpoints, below one name each. deployer pushes with the identity of who runs it; nobody has a password.

resource "azurerm_container_registry" "this" {
  name                = "${local.short}${local.suffix}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  sku                    = var.registry_sku
  admin_enabled          = false
  anonymous_pull_enabled = false

  lifecycle {
    precondition {
      condition     = var.egress == "internet" || var.registry_sku == "Premium"
      error_message = "Endpoints without internet pull through a private endpoint, which only a Premium registry has."
    }
  }
}
