# One repository for each endpoint. deployer makes what is not here, in the same form.

resource "aws_ecr_repository" "endpoint" {
  for_each = toset(var.endpoints)

  name                 = "${var.repository}/${each.value}"
  image_tag_mutability = "IMMUTABLE" # a tag is a revision, and a revision is one image

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }

  tags = merge(var.tags, local.marks, {
    "deployer:endpoint" = each.value
    "deployer:role"     = "repository"
  })
}
