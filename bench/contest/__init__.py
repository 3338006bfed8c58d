"""What ``bench/images.py`` is made of: two contenders, one engine, one mirror of packages, one registry.

::

    figures     what is measured, the goals, and the table: pure
    running     a command, its lines and when they came
    mirror      the package index that both contenders use, kept on this machine
    wire        a registry of the bench's own, behind a counter of bytes
    engine      the container engine: bases, sizes, starts, memory, cleaning up
    models      the models: the example, the same with other weights, and one that shares half its requirements
    ours        deployer                    mlflow_peer    MLflow
    measuring   what is asked of both
"""
