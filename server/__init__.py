"""The command line and the HTTP interface: both frame bytes that are valid by construction."""
