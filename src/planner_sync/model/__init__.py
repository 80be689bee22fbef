"""Values that both sides share. Knows neither."""
