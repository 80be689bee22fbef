"""What runs: the service, its loops and its listener."""
