# The role that models run as. AWS itself is the only one who may take it.

resource "aws_iam_role" "execution" {
  name        = "${var.name}-execution"
  description = "What models do that deployer runs on SageMaker."
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "sagemaker.amazonaws.com" } # in all partitions
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  name   = "deployer"
  role   = aws_iam_role.execution.id
  policy = module.policies.execution
}
