"""How Argo CD's Applications are reached: requests, streams, and what is known of them in this process."""
