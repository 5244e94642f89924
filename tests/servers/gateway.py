"""What the gateway and the worker share in tests: the secret that assertions of identity are signed with."""

SECRET = b"a shared secret of more than 32 bytes, only for tests"
