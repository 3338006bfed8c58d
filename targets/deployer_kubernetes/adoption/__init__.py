"""Deployments and Services that somebody else made, taken over without a restart."""
