"""Endpoints that may sleep: an activator holds requests, and KEDA scales by what it tells (ADR 0017)."""
