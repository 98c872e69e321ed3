"""The pipeline that moves secrets, and its durable state: runs, lease, checkpoints, quarantine, journal."""
