# The first attempt makes each line one too long, as its own test finds out; the second has read that in its prompt.
if [ "$HEW_ATTEMPT" -eq 1 ]; then until=-le; else until=-lt; fi
cat > lib/pad.sh <<END
# part pad: fills each line with spaces up to a width
pad() {
    trim | while IFS= read -r line; do
        while [ \${#line} $until "\$1" ]; do line="\$line "; done
        printf '%s\n' "\$line"
    done
}
END
cat > tests/pad.sh <<'END'
check "a short line is filled" "ab   |" "$(echo ab | pad 5)|"
check "a long line stays" "abcdef|" "$(echo abcdef | pad 5)|"
END
git add -A
git commit -q -m "Fill lines up to a width"
