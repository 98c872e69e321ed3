"""What a run would do, found out before it writes: options, target, census, key checks, plan, refusals."""
