"""Encrypt Grafana's secrets with a key in Azure Key Vault, while Grafana runs."""

__version__ = "0.1.0"
