"""Revisions as InferenceServices, whose Deployments KServe's controller makes (ADR 0019)."""
