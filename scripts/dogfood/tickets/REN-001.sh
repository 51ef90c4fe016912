# A private function gets another name, everywhere it is called.
count=$(grep -rlw transition_to_terminal src/runtime | wc -l)
[ "$count" -gt 0 ] || { echo "transition_to_terminal is not there" >&2; exit 1; }
grep -rlw transition_to_terminal src/runtime | LC_ALL=C sort | while IFS= read -r file; do
    edit "$file" 's/\btransition_to_terminal\b/release_references/g'
done
! grep -rqw transition_to_terminal src/runtime
