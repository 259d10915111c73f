"""Search quality at equal budgets: regret on real tuning problems against real peers.

``python -m benchmarks.quality run`` fills a resumable matrix of runs and
``python -m benchmarks.quality report`` turns it into tables and plots; see README.md.
"""
