"""The command line `quadrille`: the stack on this machine, and everything that a client can ask of one."""
