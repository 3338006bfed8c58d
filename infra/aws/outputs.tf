output "role" {
  description = "The execution role's ARN: role in deployer.toml."
  value       = aws_iam_role.execution.arn
}

output "bucket" {
  description = "Where records and models lie: bucket in deployer.toml, where it has another name than deployer's own."
  value       = aws_s3_bucket.this.bucket
}

output "policy" {
  description = "The ARN of the policy of whoever runs deployer."
  value       = aws_iam_policy.deploying.arn
}

output "repositories" {
  description = "URIs of the repositories that were made here, by endpoint."
  value       = { for name, each in aws_ecr_repository.endpoint : name => each.repository_url }
}

output "deployer_toml" {
  description = "What deployer is told: append it to deployer.toml."
  value       = <<-EOT
    [targets.sagemaker]
    kind = "sagemaker"
    region = "${local.region}"
    account = "${local.account}"
    role = "${aws_iam_role.execution.arn}"
    bucket = "${aws_s3_bucket.this.bucket}"
    prefix = "${var.prefix}"
    repository = "${var.repository}"
  EOT
}
