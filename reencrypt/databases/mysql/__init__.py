"""Grafana's database on MySQL and MariaDB."""
