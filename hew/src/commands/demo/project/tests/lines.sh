check "no line" 0 "$(printf '' | lines)"
check "a last line without an end" 2 "$(printf 'a\nb' | lines)"
