cat > lib/trim.sh <<'END'
# part trim: takes spaces away at both ends of each line
trim() {
    while read -r line || [ -n "$line" ]; do
        printf '%s\n' "$line"
    done
}
END
cat > tests/trim.sh <<'END'
check "spaces at both ends go" "a  b" "$(echo '  a  b ' | trim)"
check "backslashes stay" 'a\b' "$(printf '%s\n' 'a\b' | trim)"
END
