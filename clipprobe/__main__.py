"""``python -m clipprobe`` is the command ``clipprobe``."""

from clipprobe.cli import main

if __name__ == "__main__":
    main()
