"""Base of the engines for database servers, composed of a driver, which connects, and a dialect, which knows SQL."""
