"""HTTP: health, status and holds, answered from Redis alone."""
