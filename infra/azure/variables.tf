variable "location" {
  description = "The region, such as westeurope."
  type        = string
}

variable "name" {
  description = "The workspace's name, with which the others begin."
  type        = string
  default     = "deployer"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{2,22}[A-Za-z0-9]$", var.name))
    error_message = "4 to 24 letters, digits and hyphens; a letter first, no hyphen last."
  }
}

variable "resource_group" {
  description = "The resource group that is made; by default it is called as the workspace."
  type        = string
  default     = null
}

variable "egress" {
  description = "What the workspace's managed network lets out: none (but for hosts), or internet. It can be loosened no more."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "internet"], var.egress)
    error_message = "none or internet."
  }
}

variable "hosts" {
  description = "Hosts that models may reach where egress is none; Azure sets up a firewall for them."
  type        = list(string)
  default     = []
}

variable "registry_sku" {
  description = "Of the container registry: Premium, or Standard and Basic, which have no private endpoints."
  type        = string
  default     = "Premium"

  validation {
    condition     = contains(["Basic", "Standard", "Premium"], var.registry_sku)
    error_message = "Basic, Standard or Premium."
  }
}

variable "replication" {
  description = "Of the storage account: LRS, ZRS, GRS."
  type        = string
  default     = "ZRS"
}

variable "deployers" {
  description = "Object ids of who runs deployer, such as CI's: of users, groups or service principals; roles are given to them."
  type        = list(string)
  default     = []
}

variable "without" {
  description = "Actions that who runs deployer is not to have: see roles/README.md for those that not every release needs."
  type        = list(string)
  default     = []
}

variable "secrets" {
  description = "Ids of the vaults, or of the secrets in them, that models may read (spec: secrets)."
  type        = list(string)
  default     = []
}

variable "keep_days" {
  description = "How long what was written over or removed in the store can be had back, in days."
  type        = number
  default     = 90

  validation {
    condition     = var.keep_days >= 1 && var.keep_days <= 365
    error_message = "1 to 365."
  }
}

variable "tags" {
  description = "Tags of all that is made here."
  type        = map(string)
  default     = {}
}
