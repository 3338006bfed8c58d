# What whoever runs deployer may do: one role for each kind of thing, given on that thing alone.

locals {
  things = {
    workspace    = azurerm_machine_learning_workspace.this.id
    group        = azurerm_resource_group.this.id
    subscription = local.subscription
    registry     = azurerm_container_registry.this.id
    store        = local.store
  }

  given = {
    for pair in setproduct(keys(local.things), var.deployers) :
    "${pair[0]} ${pair[1]}" => { thing = pair[0], who = pair[1] }
  }
}

resource "azurerm_role_definition" "deploying" {
  for_each = module.roles.deploying

  name              = each.value.Name
  description       = each.value.Description
  scope             = each.value.AssignableScopes[0]
  assignable_scopes = each.value.AssignableScopes

  permissions {
    actions          = each.value.Actions
    not_actions      = each.value.NotActions
    data_actions     = each.value.DataActions
    not_data_actions = each.value.NotDataActions
  }
}

resource "azurerm_role_assignment" "deploying" {
  for_each = local.given

  principal_id       = each.value.who
  role_definition_id = azurerm_role_definition.deploying[each.value.thing].role_definition_resource_id
  scope              = local.things[each.value.thing]
}

# An endpoint that runs as an identity can be made only by who may hand that identity on.
resource "azurerm_role_assignment" "handing" {
  for_each = toset(var.deployers)

  principal_id         = each.value
  role_definition_name = "Managed Identity Operator"
  scope                = azurerm_user_assigned_identity.models.id
}
