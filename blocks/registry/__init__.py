"""The parts of an OCI registry client."""
