"""Services that keep metrics, each asked in its own words."""
