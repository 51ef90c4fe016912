# A table of contents before the first heading of the README.
grep '^## ' README.md | sed 's/^## //' | while IFS= read -r heading; do
    anchor=$(printf '%s' "$heading" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-')
    printf -- '- [%s](#%s)\n' "$heading" "$anchor"
done >"$TMP/toc"
awk -v toc="$TMP/toc" '/^## / && !done { while ((getline line < toc) > 0) print line; print ""; done = 1 } { print }' \
    README.md >"$TMP/readme"
cat -- "$TMP/readme" >README.md
