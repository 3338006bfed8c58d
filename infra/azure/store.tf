# Records of endpoints, and models of image.weights: mount, in the container that the workspace makes. Records are written
# conditionally (If-Match), which the blob service does by itself.

resource "azurerm_storage_account" "this" {
  name                = "${local.short}${local.suffix}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tags                = var.tags

  account_tier                     = "Standard"
  account_replication_type         = var.replication
  min_tls_version                  = "TLS1_2"
  allow_nested_items_to_be_public  = false
  cross_tenant_replication_enabled = false

  # A Record that somebody damaged can be had back. Nothing that is current ever ends by age: a Record that is not written
  # for a year is the Record of an endpoint that runs.
  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = var.keep_days
    }

    container_delete_retention_policy {
      days = var.keep_days
    }
  }
}

# Versions that were written over end by age; nothing else does that lies there.
resource "azurerm_storage_management_policy" "this" {
  storage_account_id = azurerm_storage_account.this.id

  rule {
    name    = "written-over"
    enabled = true

    filters {
      blob_types = ["blockBlob"]
    }

    actions {
      version {
        delete_after_days_since_creation = var.keep_days
      }
    }
  }
}
