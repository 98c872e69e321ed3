"""What survives a process: the state tables beside Grafana's own, behind one store for each of them."""
