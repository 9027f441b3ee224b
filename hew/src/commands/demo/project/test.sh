#!/bin/sh
# Every test, and whether the list of commands is in order. Exit code 0: all is well.
set -u
cd "$(dirname "$0")" || exit 2
failed=0

fail() {
    echo "not ok: $*"
    failed=$((failed + 1))
}

# check WHAT EXPECTED FOUND
check() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        fail "$1: expected '$2', found '$3'"
    fi
}

for part in lib/*.sh; do . "./$part"; done
for test in tests/*.sh; do . "./$test"; done

listed=" "
while IFS= read -r name; do
    case $listed in *" $name "*) fail "commands.txt has $name twice" ;; esac
    [ -f "lib/$name.sh" ] || fail "commands.txt has $name, and there is no lib/$name.sh"
    listed="$listed$name "
done < commands.txt

for part in lib/*.sh; do
    read -r _ kind name _ < "$part"
    name=${name%:}
    [ -f "tests/$name.sh" ] || fail "$part has no tests/$name.sh"
    case $kind$listed in
        command*" $name "* | part*) ;;
        *) fail "commands.txt lacks $name" ;;
    esac
done

echo "$failed failed"
[ "$failed" -eq 0 ]
