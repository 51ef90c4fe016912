# One file for each minor version.
mkdir -p docs/changes
awk '/^# [0-9]/ { split($2, v, "."); file = "docs/changes/" v[1] "." v[2] ".md" } file { print >> file }' CHANGELOG.md
ls docs/changes | wc -l
