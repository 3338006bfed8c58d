"""The SageMaker target: endpoints as models, endpoint configurations and endpoints of Amazon SageMaker."""
