"""Weighted traffic: two HAProxy pods of our own, or routes of somebody's gateway (ADR 0016)."""
