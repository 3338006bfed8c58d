output "workspace" {
  description = "The workspace's id."
  value       = azurerm_machine_learning_workspace.this.id
}

output "identity" {
  description = "The id of the identity that models run as: config.identity."
  value       = azurerm_user_assigned_identity.models.id
}

output "registry" {
  description = "The registry's login server, which deployer learns from the workspace."
  value       = azurerm_container_registry.this.login_server
}

output "vault" {
  description = "The workspace's Key Vault, for secrets."
  value       = azurerm_key_vault.this.vault_uri
}

output "roles" {
  description = "Ids of the roles of who runs deployer, by what they are given on."
  value       = { for thing, each in azurerm_role_definition.deploying : thing => each.role_definition_resource_id }
}

output "deployer_toml" {
  description = "What deployer is told: append it to deployer.toml."
  value       = <<-EOT
    [targets.azureml]
    kind = "azureml"
    subscription = "${data.azurerm_client_config.current.subscription_id}"
    resource_group = "${azurerm_resource_group.this.name}"
    workspace = "${azurerm_machine_learning_workspace.this.name}"

    [targets.azureml.defaults.config]
    identity = ["${azurerm_user_assigned_identity.models.id}"]
  EOT
}
