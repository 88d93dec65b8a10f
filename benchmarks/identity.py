"""What it costs to know that the weights in memory are those that were loaded.

    python benchmarks/identity.py

A module of ViT-B/32 size with random weights (605 MB), one thread; processor time, the median of
the rounds and their range. The mark is what every provenance and every stored run asks for;
SHA-256 is taken once after an edit.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from clipprobe.models.identity import foreign_code, mark, state_sha256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    from transformers import CLIPConfig, CLIPModel

    module = CLIPModel(CLIPConfig())
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())
    print(f"{size / 1e6:.0f} MB")
    for name, step in (("mark", mark), ("sha256", state_sha256), ("foreign code", foreign_code)):
        taken = []
        for _ in range(rounds):
            start = time.process_time()
            step(module)
            taken.append(time.process_time() - start)
        print(f"{name}: {statistics.median(taken):.4f} s [{min(taken):.4f}-{max(taken):.4f}]")


if __name__ == "__main__":
    main()
