//! The part of the prompt that is the same for the whole run.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Most bytes of memories that go into a prefix.
const MEMORIES_MAX_BYTES: usize = 16 * 1024;

/// What agents are asked besides their task.
const ASKS_NEXT: &str = "
# What is next

Other agents work beside you on other tasks. Where the end of this text lists tasks that are ready now, you may know best
which of them go next: those that your work has prepared, and that can be done side by side without touching the same
code. If you do, put exactly one block of this form into your last message, with ids from that list only:

```next_iteration
[\"ID\", \"ID\"]
```

Only what you name is started next, so name enough for several agents, and leave out what would collide. An empty list says
that any order will do. If you don't know, leave the block out. It decides nothing about your own task.
";

/// The prefix with the hash that is logged, so that a cache that does not hit can be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptPrefix {
    /// The text.
    pub text: String,
    /// First 16 hex digits of its SHA-256.
    pub hash: String,
}

impl PromptPrefix {
    /// Skill body, primer, and the tracker's memories (key and value), read once a run. Where `asks_next`, agents are asked
    /// what is next: with two or more workers.
    pub fn new(skill: &str, primer: &str, memories: &[(String, String)], asks_next: bool) -> Self {
        let mut text = format!("{}\n\n{}\n", skill.trim(), primer.trim());
        push_memories(&mut text, memories);
        if asks_next {
            text.push_str(ASKS_NEXT);
        }
        let digest = Sha256::digest(text.as_bytes());
        let mut hash = String::new();
        for byte in digest.iter().take(8) {
            let _ = write!(hash, "{byte:02x}");
        }
        Self { text, hash }
    }
}

fn push_memories(text: &mut String, memories: &[(String, String)]) {
    if memories.is_empty() {
        return;
    }
    text.push_str("\n## What this project remembers\n\n");
    let mut room = MEMORIES_MAX_BYTES;
    for (number, (key, value)) in memories.iter().enumerate() {
        let line = format!("- {key}: {value}\n");
        if line.len() > room {
            let _ = writeln!(text, "- ({} more memories left out)", memories.len() - number);
            return;
        }
        room -= line.len();
        text.push_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_gives_the_same_bytes_and_memories_are_bounded() {
        let memories = vec![("a".to_owned(), "x".repeat(10_000)), ("b".to_owned(), "y".repeat(10_000))];
        let first = PromptPrefix::new("skill", "primer", &memories, false);
        assert_eq!(first, PromptPrefix::new("skill", "primer", &memories, false));
        assert!(first.text.contains("(1 more memories left out)"));
        let asked = PromptPrefix::new("skill", "primer", &memories, true);
        assert!(asked.text.starts_with(&first.text) && asked.text.contains("```next_iteration\n"));
        assert_ne!(first.hash, asked.hash);
        assert_ne!(first.hash, PromptPrefix::new("skill", "primer", &[], false).hash);
    }
}
