"""The Azure ML target: managed and Kubernetes online endpoints of an Azure Machine Learning workspace.

Pure so far; ``kind`` comes with the connection (``target.py``). Nothing that is imported here imports the SDK.
"""
