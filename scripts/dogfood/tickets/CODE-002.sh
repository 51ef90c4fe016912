# Blanks at the ends of lines; often there are none, and the ticket ends empty.
grep -rl '[[:blank:]]$' --include='*.rs' src | LC_ALL=C sort | while IFS= read -r file; do
    edit "$file" 's/[[:blank:]]*$//'
done
