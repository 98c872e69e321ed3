"""`reencrypt report`: the evidence of runs, for an auditor."""
