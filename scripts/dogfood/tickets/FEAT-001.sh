# Features, and what each brings in.
mkdir -p docs
{
    printf '# Features\n\n'
    awk '/^\[/ { on = ($0 == "[features]") } on && /^[a-z_-]+ = / { print "- `" $1 "`" }' Cargo.toml
} >docs/features.md
cat docs/features.md
