"""Grafana's database on PostgreSQL."""
