"""Pull requests on code hosts: one small interface (`pull_request.py`), one module for each kind of host."""
