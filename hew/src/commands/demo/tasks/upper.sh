cat > lib/upper.sh <<'END'
# part upper: trimmed capitals
upper() {
    trim | tr '[:lower:]' '[:upper:]'
}
END
cat > tests/upper.sh <<'END'
check "small letters become capitals" "A B2" "$(echo ' a b2' | upper)"
END
