"""Benchmarks of hpo_fast: not part of the installed package."""
