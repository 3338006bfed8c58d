# The identity that models run as. Azure itself is the only one who can take it, for endpoints that name it.

resource "azurerm_user_assigned_identity" "models" {
  name                = "${var.name}-models"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags
}

resource "azurerm_role_assignment" "models" {
  for_each = { for each in module.roles.endpoint : each.role => each.on }

  principal_id         = azurerm_user_assigned_identity.models.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = each.key
  scope                = local.things[each.value]
}

resource "azurerm_role_assignment" "secrets" {
  for_each = toset(var.secrets)

  principal_id         = azurerm_user_assigned_identity.models.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Key Vault Secrets User"
  scope                = each.value
}
