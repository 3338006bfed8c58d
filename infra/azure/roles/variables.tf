variable "name" {
  description = "What the roles' names begin with; they are each one's own in a directory."
  type        = string
}

variable "subscription" {
  description = "The subscription's id, /subscriptions/..."
  type        = string
}

variable "group" {
  description = "The resource group's id."
  type        = string
}

variable "without" {
  description = "Actions that are left out."
  type        = list(string)
  default     = []
}
