"""The command line: a thin shell around `deployer.Deployer`. One file for each command; rendering apart from doing.

Nothing here imports pydantic, rich, MLflow or a target before a command runs, so that ``--help`` answers at once.
"""
