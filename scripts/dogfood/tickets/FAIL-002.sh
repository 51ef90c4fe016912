# Never starts.
printf '\nNo unsafe code.\n' >>README.md
