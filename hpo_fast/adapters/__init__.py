"""The engine inside other tuners: one module a host, imported by nobody but the user."""
