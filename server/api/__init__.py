"""One wire format a pair of files: its requests to jobs, events to its replies. Pure functions, all of them."""
