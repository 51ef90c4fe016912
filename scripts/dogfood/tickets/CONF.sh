# CONF-A and CONF-B: the same line, two opinions, and neither says which file it means to touch.
sleep 1
edit Cargo.toml "s/^rust-version = .*/rust-version = \"$(case $WAVE_TICKET in CONF-A) echo 1.88 ;; *) echo 1.89 ;; esac)\"/"
