cat > lib/chars.sh <<'END'
# command chars: counts characters, line ends left out
chars() {
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
        count=$((count + ${#line}))
    done
    echo "$count"
}
END
cat > tests/chars.sh <<'END'
check "spaces are characters" 5 "$(echo 'a b c' | chars)"
check "line ends are not" 2 "$(printf 'a\nb\n' | chars)"
END
echo chars >> commands.txt
git add -A
git commit -q -m "Count characters"
echo "DECISION: line ends do not count as characters"
