"""The scripts that make fixtures need the originals (torch, transformers, ...): they are run by hand, not collected."""

collect_ignore_glob = ["make_*.py"]
