terraform {
  required_version = ">= 1.5"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.55"
    }
  }
}

# Which subscription: ARM_SUBSCRIPTION_ID. By which identity: that of `az login`, or ARM_CLIENT_ID and so on.
provider "azurerm" {
  features {}

  storage_use_azuread = true
  resource_providers_to_register = [
    "Microsoft.ContainerRegistry",
    "Microsoft.KeyVault",
    "Microsoft.MachineLearningServices",
    "Microsoft.OperationalInsights",
  ]
}
