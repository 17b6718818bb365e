"""Tables and experiments behind the comparison of networks."""
