"""Which live server do we talk to? One way to get one, for the command line, the tests and the notebooks."""
