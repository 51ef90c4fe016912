# Every integration test file, with how many tests it has.
mkdir -p docs
{
    printf '# Integration tests\n\n'
    for file in tests/*.rs; do
        printf -- '- `%s`: %s\n' "$file" "$(grep -cE '^ *#\[(tokio::)?(test|maybe_tokio_test)' "$file")"
    done
} >docs/tests.md
