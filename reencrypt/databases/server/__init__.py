"""What the engines of database servers share: a connection that comes back."""
