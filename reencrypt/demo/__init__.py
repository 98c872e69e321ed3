"""The demonstration: a throw-away Grafana database that needs no Grafana and no Azure account."""
