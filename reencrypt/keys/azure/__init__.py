"""Azure Key Vault and Managed HSM: the providers `azurekv.NAME` of Grafana Enterprise."""
