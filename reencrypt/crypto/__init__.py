"""Grafana's formats and ciphers as pure functions on bytes: no I/O, no asyncio, no database, no Azure."""
