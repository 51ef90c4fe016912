# The way in.
{
    printf '# Generated docs\n\n'
    find docs -name '*.md' ! -path docs/README.md | LC_ALL=C sort | sed 's|docs/\(.*\)|- [\1](\1)|'
} >"$TMP/book"
cat -- "$TMP/book" >docs/README.md
