"""Faithful Grafana databases for tests, and an independent judge of what is in them."""
