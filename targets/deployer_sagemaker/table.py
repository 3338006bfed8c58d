"""How large SageMaker's instance types are. Data, and nothing more.

The sizes are EC2's own answer to DescribeInstanceTypes, as moto 5.2.5 ships it recorded (``instance_types.json``), for
those types that botocore 1.44 lists for endpoints (``ProductionVariantInstanceType``); SageMaker's ``ml.m5.large`` is
EC2's m5.large. Types that AWS no longer describes (ml.p2, ml.p3, ml.dl1) and those newer than this table are not in
it: they are taken by their names alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["FAMILIES", "Family"]


class Family(NamedTuple):
    """One family of instance types.

    Attributes:
        architecture: ``amd64``, ``arm64`` (Graviton).
        sizes: Each as ``NAME VCPUS GIB``, and the number of GPUs where it has any.
        disk: Whether it has a local disk, which takes neither a volume's size nor a KMS key.
    """

    architecture: Literal["amd64", "arm64"]
    sizes: str
    disk: bool = False


FAMILIES: dict[str, Family] = {
    # General purpose
    "t2": Family("amd64", "medium 2 4, large 2 8, xlarge 4 16, 2xlarge 8 32"),
    "m4": Family("amd64", "xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 10xlarge 40 160, 16xlarge 64 256"),
    "m5": Family("amd64", "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 12xlarge 48 192, 24xlarge 96 384"),
    "m5d": Family(
        "amd64",
        "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 12xlarge 48 192, 24xlarge 96 384",
        disk=True,
    ),
    "m6i": Family(
        "amd64",
        "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 8xlarge 32 128, "
        "12xlarge 48 192, 16xlarge 64 256, 24xlarge 96 384, 32xlarge 128 512",
    ),
    "m7i": Family(
        "amd64",
        "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 8xlarge 32 128, "
        "12xlarge 48 192, 16xlarge 64 256, 24xlarge 96 384, 48xlarge 192 768",
    ),
    # Compute
    "c4": Family("amd64", "large 2 3.75, xlarge 4 7.5, 2xlarge 8 15, 4xlarge 16 30, 8xlarge 36 60"),
    "c5": Family("amd64", "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 9xlarge 36 72, 18xlarge 72 144"),
    "c5d": Family(
        "amd64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 9xlarge 36 72, 18xlarge 72 144",
        disk=True,
    ),
    "c6i": Family(
        "amd64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, "
        "12xlarge 48 96, 16xlarge 64 128, 24xlarge 96 192, 32xlarge 128 256",
    ),
    "c6in": Family(
        "amd64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, "
        "12xlarge 48 96, 16xlarge 64 128, 24xlarge 96 192, 32xlarge 128 256",
    ),
    "c7i": Family(
        "amd64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, "
        "12xlarge 48 96, 16xlarge 64 128, 24xlarge 96 192, 48xlarge 192 384",
    ),
    # Memory
    "r5": Family("amd64", "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 12xlarge 48 384, 24xlarge 96 768"),
    "r5d": Family(
        "amd64",
        "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 12xlarge 48 384, 24xlarge 96 768",
        disk=True,
    ),
    "r6i": Family(
        "amd64",
        "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 8xlarge 32 256, "
        "12xlarge 48 384, 16xlarge 64 512, 24xlarge 96 768, 32xlarge 128 1024",
    ),
    "r7i": Family(
        "amd64",
        "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 8xlarge 32 256, "
        "12xlarge 48 384, 16xlarge 64 512, 24xlarge 96 768, 48xlarge 192 1536",
    ),
    # Graviton
    "m6g": Family(
        "arm64",
        "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 8xlarge 32 128, 12xlarge 48 192, 16xlarge 64 256",
    ),
    "m6gd": Family(
        "arm64",
        "large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, 8xlarge 32 128, 12xlarge 48 192, 16xlarge 64 256",
        disk=True,
    ),
    "m8g": Family(
        "arm64",
        "medium 1 4, large 2 8, xlarge 4 16, 2xlarge 8 32, 4xlarge 16 64, "
        "8xlarge 32 128, 12xlarge 48 192, 16xlarge 64 256, 24xlarge 96 384, 48xlarge 192 768",
    ),
    "c6g": Family(
        "arm64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, 12xlarge 48 96, 16xlarge 64 128",
    ),
    "c6gn": Family(
        "arm64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, 12xlarge 48 96, 16xlarge 64 128",
    ),
    "c6gd": Family(
        "arm64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, 12xlarge 48 96, 16xlarge 64 128",
        disk=True,
    ),
    "c7g": Family(
        "arm64",
        "large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, 8xlarge 32 64, 12xlarge 48 96, 16xlarge 64 128",
    ),
    "c8g": Family(
        "arm64",
        "medium 1 2, large 2 4, xlarge 4 8, 2xlarge 8 16, 4xlarge 16 32, "
        "8xlarge 32 64, 12xlarge 48 96, 16xlarge 64 128, 24xlarge 96 192, 48xlarge 192 384",
    ),
    "r6g": Family(
        "arm64",
        "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 8xlarge 32 256, 12xlarge 48 384, 16xlarge 64 512",
    ),
    "r6gd": Family(
        "arm64",
        "large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, 8xlarge 32 256, 12xlarge 48 384, 16xlarge 64 512",
        disk=True,
    ),
    "r7gd": Family(
        "arm64",
        "medium 1 8, large 2 16, xlarge 4 32, 2xlarge 8 64, "
        "4xlarge 16 128, 8xlarge 32 256, 12xlarge 48 384, 16xlarge 64 512",
        disk=True,
    ),
    "r8g": Family(
        "arm64",
        "medium 1 8, large 2 16, xlarge 4 32, 2xlarge 8 64, 4xlarge 16 128, "
        "8xlarge 32 256, 12xlarge 48 384, 16xlarge 64 512, 24xlarge 96 768, 48xlarge 192 1536",
    ),
    # GPU
    "g4dn": Family(
        "amd64",
        "xlarge 4 16 1, 2xlarge 8 32 1, 4xlarge 16 64 1, 8xlarge 32 128 1, 12xlarge 48 192 4, 16xlarge 64 256 1",
        disk=True,
    ),
    "g5": Family(
        "amd64",
        "xlarge 4 16 1, 2xlarge 8 32 1, 4xlarge 16 64 1, 8xlarge 32 128 1, "
        "12xlarge 48 192 4, 16xlarge 64 256 1, 24xlarge 96 384 4, 48xlarge 192 768 8",
        disk=True,
    ),
    "g6": Family(
        "amd64",
        "xlarge 4 16 1, 2xlarge 8 32 1, 4xlarge 16 64 1, 8xlarge 32 128 1, "
        "12xlarge 48 192 4, 16xlarge 64 256 1, 24xlarge 96 384 4, 48xlarge 192 768 8",
        disk=True,
    ),
    "g6e": Family(
        "amd64",
        "xlarge 4 32 1, 2xlarge 8 64 1, 4xlarge 16 128 1, 8xlarge 32 256 1, "
        "12xlarge 48 384 4, 16xlarge 64 512 1, 24xlarge 96 768 4, 48xlarge 192 1536 8",
        disk=True,
    ),
    "g7": Family(
        "amd64",
        "2xlarge 8 32 1, 4xlarge 16 64 1, 8xlarge 32 128 1, 12xlarge 48 192 2, 24xlarge 96 384 4, 48xlarge 192 768 8",
        disk=True,
    ),
    "g7e": Family(
        "amd64",
        "2xlarge 8 64 1, 4xlarge 16 128 1, 8xlarge 32 256 1, "
        "12xlarge 48 512 2, 24xlarge 96 1024 4, 48xlarge 192 2048 8",
        disk=True,
    ),
    "p4d": Family("amd64", "24xlarge 96 1152 8", disk=True),
    "p4de": Family("amd64", "24xlarge 96 1152 8", disk=True),
    "p5": Family("amd64", "4xlarge 16 256 1, 48xlarge 192 2048 8", disk=True),
    "p5e": Family("amd64", "48xlarge 192 2048 8", disk=True),
    "p5en": Family("amd64", "48xlarge 192 2048 8", disk=True),
    "p6-b200": Family("amd64", "48xlarge 192 2048 8", disk=True),
    "p6-b300": Family("amd64", "48xlarge 192 4096 8", disk=True),
    # Inferentia, Trainium
    "inf1": Family("amd64", "xlarge 4 8, 2xlarge 8 16, 6xlarge 24 48, 24xlarge 96 192"),
    "inf2": Family("amd64", "xlarge 4 16, 8xlarge 32 128, 24xlarge 96 384, 48xlarge 192 768"),
    "trn1": Family("amd64", "2xlarge 8 32, 32xlarge 128 512", disk=True),
    "trn1n": Family("amd64", "32xlarge 128 512", disk=True),
    "trn2": Family("amd64", "48xlarge 192 2048", disk=True),
}
