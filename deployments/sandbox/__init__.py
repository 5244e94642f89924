"""A small world in one process that speaks the real protocols: Git, OCI, Kubernetes, Argo CD, Prometheus.

Start it inside an event loop with `deployments.sandbox.server.Sandbox`, or as a process with
`python -m deployments.sandbox --root DIR --port PORT`.
"""
