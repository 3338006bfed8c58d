output "deploying" {
  description = "The roles of who runs deployer, by what they are given on."
  value       = local.documents
}

output "endpoint" {
  description = "The built-in roles of the identity that models run as."
  value       = jsondecode(file("${path.module}/endpoint.json"))
}
