cat > lib/table.sh <<'END'
# part table: all counts of a text, aligned
table() {
    report | while read -r kind number; do
        echo "$(echo "$kind" | pad 8)$number"
    done
}
END
cat > tests/table.sh <<'END'
check "numbers stand below each other" "lines   1|words   2|chars   3|" "$(echo 'a b' | table | tr '\n' '|')"
END
