# After everything that moves lines.
mkdir -p docs
grep -rnE 'TODO|FIXME' --include='*.rs' src | LC_ALL=C sort -t: -k1,1 -k2,2n | sed 's/^\([^:]*\):\([0-9]*\):[[:blank:]]*/- `\1` line \2: /' >docs/todo.md
[ -s docs/todo.md ]
