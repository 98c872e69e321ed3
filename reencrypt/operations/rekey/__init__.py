"""Changes `secret_key` itself, with Grafana stopped."""
