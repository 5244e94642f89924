"""Services that keep metrics, below what templates say of them."""
