"""Look inside a forward pass (capture) and change it (intervene), at named hook points."""
