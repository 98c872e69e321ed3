"""`reencrypt doctor`: what it checks in the database, in each store and in each provider."""
