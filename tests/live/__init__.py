"""A real Grafana while its secrets are re-encrypted: `python -m tests.live`, for `.github/workflows/grafana.yaml`."""
