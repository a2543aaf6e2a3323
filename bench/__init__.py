"""Benchmarks: we and a peer side by side in one run, on made-up data, with the ratio printed. Nothing here is a test."""
