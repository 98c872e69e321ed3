"""Move Grafana's encrypted secrets under a key in Azure Key Vault, while Grafana runs."""

__version__ = "0.1.0"
