# HDR-<module>: a licence line at the top of every file that has none.
rust_files "src/$MODULE" | while IFS= read -r file; do
    head -n 1 -- "$file" | grep -q SPDX && continue
    edit "$file" '1i\
// SPDX-License-Identifier: MIT'
done
