cat > lib/page.sh <<'END'
# command page: a title, and below it all counts of a text
page() {
    printf '%s\n' "$1" | title
    table
}
END
cat > tests/page.sh <<'END'
check "a page" "AB|==|lines   1|words   1|chars   1|" "$(echo x | page ab | tr '\n' '|')"
END
echo page >> commands.txt
