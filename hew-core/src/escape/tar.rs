//! What a call of `tar` writes: what it unpacks, or the archive that it makes.

/// Letters that are followed by a value.
const VALUED: &str = "bCfFgHIKLNTVX";

/// A call of `tar`, as far as it is of interest.
#[derive(Default)]
struct Call<'a> {
    unpacks: bool,
    packs: bool,
    to_stdout: bool,
    file: Option<&'a str>,
    folder: Option<&'a str>,
}

/// The paths, each with whether all that lies below it may be written.
pub(super) fn written(args: &[String]) -> Vec<(&str, bool)> {
    let call = read(args);
    if call.unpacks && !call.to_stdout {
        return vec![(call.folder.unwrap_or("."), true)];
    }
    let file = call.file.filter(|file| call.packs && *file != "-");
    file.map(|file| (file, false)).into_iter().collect()
}

fn read(args: &[String]) -> Call<'_> {
    let mut call = Call::default();
    let mut words = args.iter().map(String::as_str).enumerate();
    while let Some((at, word)) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            match name {
                "extract" | "get" => call.unpacks = true,
                "create" | "append" | "update" => call.packs = true,
                "to-stdout" => call.to_stdout = true,
                "file" => call.file = value.or_else(|| words.next().map(|(_, word)| word)),
                "directory" => call.folder = value.or_else(|| words.next().map(|(_, word)| word)),
                _ => {}
            }
            continue;
        }
        let (letters, is_old_form) = match word.strip_prefix('-') {
            Some(letters) => (letters, false),
            None if at == 0 => (word, true),
            None => continue,
        };
        for (index, letter) in letters.char_indices() {
            call.take_letter(letter);
            if VALUED.contains(letter) {
                // `xfC a.tar /to`, but `-xf a.tar` and `-C/to`
                let rest = &letters[index + letter.len_utf8()..];
                let is_joined = !is_old_form && !rest.is_empty();
                let value = if is_joined { Some(rest) } else { words.next().map(|(_, word)| word) };
                call.take_value(letter, value);
                if is_joined {
                    break;
                }
            }
        }
    }
    call
}

impl<'a> Call<'a> {
    fn take_letter(&mut self, letter: char) {
        match letter {
            'x' => self.unpacks = true,
            'c' | 'r' | 'u' => self.packs = true,
            'O' => self.to_stdout = true,
            _ => {}
        }
    }

    fn take_value(&mut self, letter: char, value: Option<&'a str>) {
        match letter {
            'f' => self.file = value,
            'C' => self.folder = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_its_flags_is_understood() {
        for (line, expected) in [
            ("xfC a.tar /to", vec![("/to", true)]),
            ("-xf a.tar -C/to", vec![("/to", true)]),
            ("--extract --file=a.tar --directory /to", vec![("/to", true)]),
            ("-x", vec![(".", true)]),
            ("cvf /a.tar x C", vec![("/a.tar", false)]),
            ("-c -f- x", vec![]),
            ("--append --file /a.tar x", vec![("/a.tar", false)]),
            ("tf /a.tar", vec![]),
            ("-f", vec![]),
            ("", vec![]),
        ] {
            let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(written(&args), expected, "{line}");
        }
    }
}
