"""What the engines of database servers share: composed of a driver, which connects, and a dialect, which knows SQL."""
