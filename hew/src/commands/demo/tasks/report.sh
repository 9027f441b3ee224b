cat > lib/report.sh <<'END'
# part report: all counts of a text
report() {
    text=$(cat)
    for kind in lines words chars; do
        echo "$kind $(printf '%s\n' "$text" | "$kind")"
    done
}
END
cat > tests/report.sh <<'END'
check "all counts" "lines 2 words 3 chars 5" "$(printf 'a b\ncc\n' | report | tr '\n' ' ' | trim)"
END
