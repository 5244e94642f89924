"""What Drayage knows about Argo CD: plain rules over Applications as the Kubernetes API returns them."""
