"""How fast and how large the kernel is, as ratios against a peer measured in the same run."""
