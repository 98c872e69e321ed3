"""Grafana's database on SQLite."""
