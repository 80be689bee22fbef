"""What HTTP shows: health and status, from Redis alone."""
