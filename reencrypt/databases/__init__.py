"""Grafana's database behind one protocol, one module per engine, with named SQL in `.sql` files."""
