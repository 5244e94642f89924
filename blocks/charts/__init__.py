"""The parts of a Helm chart repository client."""
