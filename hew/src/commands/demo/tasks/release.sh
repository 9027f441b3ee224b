{
    echo
    echo "Commands of version 1.0:"
    echo
    while IFS= read -r name; do
        read -r about < "lib/$name.sh"
        echo "- ${about#\# command }"
    done < commands.txt
} >> README.md
echo 1.0 > VERSION
cat > tests/release.sh <<'END'
for name in $(cat commands.txt); do
    case $(cat README.md) in *"- $name: "*) ;; *) fail "README.md lacks $name" ;; esac
done
check "the page of this version" "V 1.0" "$(sh ./textkit page "v $(cat VERSION)" < README.md | while read -r first; do echo "$first"; break; done)"
END
git add -A
git commit -q -m "Release 1.0"
