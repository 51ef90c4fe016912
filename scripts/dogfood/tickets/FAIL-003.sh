# Never starts.
mkdir -p docs
echo '# Safety' >docs/safety.md
