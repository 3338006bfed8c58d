# What whoever runs deployer may do.

resource "aws_iam_policy" "deploying" {
  name        = "${var.name}-deploying"
  description = "Runs deployer against SageMaker; passes the one role ${aws_iam_role.execution.name}."
  policy      = module.policies.deploying
  tags        = var.tags
}

resource "aws_iam_role_policy_attachment" "deploying" {
  for_each = toset(var.deployers)

  role       = each.value
  policy_arn = aws_iam_policy.deploying.arn
}
