cat > lib/title.sh <<'END'
# part title: capitals, underlined
title() {
    text=$(upper)
    left=$(printf '%s\n' "$text" | chars)
    line=
    while [ "${#line}" -lt "$left" ]; do line="$line="; done
    printf '%s\n%s\n' "$text" "$line"
}
END
cat > tests/title.sh <<'END'
check "as long as its text" "ON HEW|======|" "$(echo 'on hew' | title | tr '\n' '|')"
END
