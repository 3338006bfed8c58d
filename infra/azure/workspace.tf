# The workspace, and what Azure ML wants beside one. Its managed network is one for all of its endpoints.

resource "azurerm_machine_learning_workspace" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  application_insights_id = azurerm_application_insights.this.id
  key_vault_id            = azurerm_key_vault.this.id
  storage_account_id      = azurerm_storage_account.this.id
  container_registry_id   = azurerm_container_registry.this.id

  public_network_access_enabled = true

  identity {
    type = "SystemAssigned"
  }

  managed_network {
    isolation_mode                = { none = "AllowOnlyApprovedOutbound", internet = "AllowInternetOutbound" }[var.egress]
    provision_on_creation_enabled = true
  }
}

# Hosts beside Azure's own that models may reach: network.egress in a spec.
resource "azurerm_machine_learning_workspace_network_outbound_rule_fqdn" "host" {
  for_each = toset(var.egress == "none" ? var.hosts : [])

  name             = "host-${substr(sha256(lower(each.value)), 0, 12)}"
  workspace_id     = azurerm_machine_learning_workspace.this.id
  destination_fqdn = each.value
}

resource "azurerm_key_vault" "this" {
  name                = "${local.short}${local.suffix}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  tenant_id                  = data.azurerm_client_config.current.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
}

resource "azurerm_log_analytics_workspace" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  sku               = "PerGB2018"
  retention_in_days = 30
}

resource "azurerm_application_insights" "this" {
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  application_type = "web"
  workspace_id     = azurerm_log_analytics_workspace.this.id
}
