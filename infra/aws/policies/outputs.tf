output "deploying" {
  description = "Of whoever runs deployer, as JSON."
  value       = local.documents["deploying"]
}

output "execution" {
  description = "Of the execution role, as JSON."
  value       = local.documents["execution"]
}
