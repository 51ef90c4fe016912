# Dependencies with the versions asked for.
mkdir -p docs
{
    printf '# Dependencies\n\n| crate | version |\n|---|---|\n'
    awk '/^\[/ { name = "" } /^\[(dev-)?dependencies\./ { name = $0; gsub(/.*dependencies\.|\]|"/, "", name) }
        name != "" && /^version = / { gsub(/version = |"/, ""); print "| " name " | " $0 " |" }' Cargo.toml | LC_ALL=C sort -u
} >docs/dependencies.md
cat docs/dependencies.md
