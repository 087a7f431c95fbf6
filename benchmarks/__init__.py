"""Measurements that a person runs; each compares its contenders within one run (`make bench-encode`)."""
