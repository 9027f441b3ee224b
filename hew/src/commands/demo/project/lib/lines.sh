# command lines: counts lines
lines() {
    count=0
    while IFS= read -r line || [ -n "$line" ]; do
        count=$((count + 1))
    done
    echo "$count"
}
