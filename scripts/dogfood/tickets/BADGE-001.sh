# A line at the very end: as far from TOC-001 as can be.
printf '\n[![docs](https://docs.rs/%s/badge.svg)](https://docs.rs/%s)\n' "$CRATE" "$CRATE" >>README.md
