# IDX-<module>: what the module offers, file by file.
mkdir -p docs/modules
{
    printf '# `%s`\n' "$MODULE"
    rust_files "src/$MODULE" | while IFS= read -r file; do
        items=$(public_items "$file")
        [ -z "$items" ] || printf '\n## `%s`\n\n%s\n' "$file" "$items"
    done
} >"docs/modules/$MODULE.md"
[ "$(wc -l <"docs/modules/$MODULE.md")" -gt 3 ] || { echo "no public items found in src/$MODULE" >&2; exit 1; }
